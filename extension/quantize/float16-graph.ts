import type { DataType } from '../model/data-type';
import type { Graph, Node, Tensor } from '../model/model';
import { capturedNames } from '../model/order';
import type { EditedNode, GraphEdits, KeptNode, NewAttribute, NewNode, TensorData, ValueEdit } from '../onnx/edit';
import type { GraphShapes, NodeShapes } from '../shapes/model-shapes';
import { bodiesAgree, hasConvertibleBodies } from './float16-bodies';
import { type ConstantUse, floatConstant, otherFloats, reasonToStay, storedForms } from './float16-constants';
import { keptFloat32Nodes } from './float16-exceptions';
import { castAttributes, type Form, formsOfNode, type NodeForms } from './float16-rules';
import { SizeValues } from './float16-sizes';
import { QuantizationRefused } from './plan';
import type { UniqueNames } from './unique-names';

/** What all graphs of one conversion share. */
export interface ConversionContext {
  readonly names: UniqueNames;
  /** Version of ai.onnx that the graph (of the model, or of a function) imports. */
  readonly opset: number;
  /** A float32 tensor as float16 content under a new name; notes it as converted. */
  convert(tensor: Tensor, name: string): TensorData;
  /** A float32 tensor as it is, under a new name. */
  copy(tensor: Tensor, name: string): TensorData;
  /** True when the node calls a model function whose body is converted. */
  isConvertedCall(node: NodeShapes): boolean;
  noteCast(): void;
  /** A float32 constant that stays as it is. */
  noteLeft(tensor: Tensor, name: string, reason: string): void;
  noteSorted(graph: Graph): void;
}

/** Where a graph stands. */
export interface ConversionPlace {
  /** The form of float32 inputs, and the form that float32 outputs must have. */
  readonly boundary: Form;
  readonly parent?: GraphConversion;
  readonly isFunction?: boolean;
  /** Initializers that a caller may replace: they stay float32 and are cast. */
  readonly overridable?: ReadonlySet<string>;
}

interface PlannedNode {
  readonly node: Node;
  readonly forms: NodeForms;
  readonly bodies: ReadonlyMap<string, GraphConversion>;
}

/**
 * The conversion of one graph (main graph, subgraph or function body) to float16 compute. The constructor visits every node, which
 * states the form it wants each value in; `edits` then names the values and puts a Cast before the first node that needs one.
 */
export class GraphConversion {
  /** What the producer of a float32 value gives. */
  private readonly forms = new Map<string, Form>();
  private readonly constants = new Map<string, ConstantUse>();
  private readonly planned: PlannedNode[] = [];
  /** The form of what goes on carrying the source's name, where that is fixed: outputs, and what an opaque subgraph takes. */
  private readonly pinned = new Map<string, Form>();
  /** New names by old name and form: of Casts, of what is cast to a pinned name, and of a constant's twin. */
  private readonly newNames = new Map<string, string>();
  /** Casts of own and of captured values written so far, by name and form. */
  private readonly casts = new Set<string>();
  private readonly sizes: SizeValues;
  private readonly inputNames: ReadonlySet<string>;

  constructor(
    private readonly shapes: GraphShapes,
    private readonly context: ConversionContext,
    private readonly place: ConversionPlace,
  ) {
    const { boundary, parent, overridable } = place;
    this.sizes = new SizeValues(shapes, parent?.sizes);
    this.inputNames = new Set(this.graph.inputs.map(({ name }) => name));
    for (const { name } of this.graph.inputs) {
      if (this.isFloat(name) && !this.graph.constants.has(name)) this.forms.set(name, boundary);
    }
    for (const [name, tensor] of this.graph.constants) {
      if (tensor.dataType === 'FLOAT' && !tensor.sparse) {
        this.addConstant(name, tensor, undefined, overridable?.has(name) ?? false);
      } else if (this.isFloat(name)) this.forms.set(name, 'float32');
    }
    for (const { name } of this.graph.outputs) if (this.isFloat(name)) this.pinned.set(name, boundary);
    const kept = keptFloat32Nodes(shapes);
    for (const index of shapes.order) this.visit(index, kept);
    for (const { name } of this.graph.outputs) {
      if (!this.isFloat(name)) continue;
      this.request(name, boundary, 'a graph output');
      const home = this.homeOf(name);
      if (home !== undefined && home !== this && home.namedForm(name) !== boundary) {
        throw new QuantizationRefused(
          `A subgraph gives the outer value "${name}" as its output; add an Identity to it.`,
        );
      }
    }
  }

  private get graph(): Graph {
    return this.shapes.graph;
  }

  private typeOf = (name: string): DataType | undefined => {
    if (name === '') return undefined;
    const value = this.shapes.values.get(name);
    if (!value) return this.place.parent?.typeOf(name);
    return value.type?.kind === 'tensor' ? value.type.dataType : undefined;
  };

  private isFloat(name: string): boolean {
    return this.typeOf(name) === 'FLOAT';
  }

  private addConstant(name: string, tensor: Tensor, node: number | undefined, overridable: boolean): void {
    this.constants.set(name, { tensor, node, overridable, wanted: new Set() });
  }

  private visit(index: number, kept: ReadonlySet<number>): void {
    const node = this.graph.nodes[index];
    const inferred = this.shapes.nodes[index];
    if (!node || !inferred) return;
    const [output] = node.outputs;
    const constant = floatConstant(node);
    if (constant && output !== undefined) {
      this.addConstant(output, constant, index, false);
      this.planned.push({ node, forms: { inputs: [], outputs: [] }, bodies: new Map() });
      return;
    }
    const bodies = new Map<string, GraphConversion>();
    const forms = this.formsOf(inferred, bodies, kept);
    this.planned.push({ node, forms, bodies });
    for (const [operand, name] of node.inputs.entries()) {
      const form = forms.inputs[operand];
      if (form === 'float16' || form === 'float32')
        this.request(name, form, `${node.opType} ${node.name || output || ''}`);
    }
    for (const [result, name] of node.outputs.entries()) {
      const form = forms.outputs[result];
      if (form) this.forms.set(name, form);
    }
  }

  private formsOf(inferred: NodeShapes, bodies: Map<string, GraphConversion>, kept: ReadonlySet<number>): NodeForms {
    const { node } = inferred;
    const isSize = this.sizes.note(node);
    const form = (boundary: Form) => (name: string) => (this.isFloat(name) ? boundary : undefined);
    const all = (boundary: Form): NodeForms => ({
      inputs: node.inputs.map(form(boundary)),
      outputs: node.outputs.map(form(boundary)),
    });
    if (this.context.isConvertedCall(inferred)) return all('float16');
    if (inferred.bodies.some(({ kind }) => kind === 'function')) return all('float32');
    if (hasConvertibleBodies(inferred)) {
      const agrees = bodiesAgree(inferred, this.context.opset, (name) => this.isFloat(name));
      const boundary: Form = agrees ? 'float16' : 'float32';
      for (const { name, shapes } of inferred.bodies) {
        bodies.set(name, new GraphConversion(shapes, this.context, { boundary, parent: this }));
      }
      return all(boundary);
    }
    for (const name of capturedNames(node)) this.pinCaptured(node, name);
    const forms = formsOfNode(node, this.context.opset, this.typeOf, isSize || kept.has(node.index));
    const fillsFloat = node.opType === 'ConstantOfShape' && node.domain === 'ai.onnx' && forms.outputs[0] !== undefined;
    if (!fillsFloat || node.attributes.get('value')?.kind === 'reference') return forms;
    return { ...forms, outputs: ['float16'], attributes: new Map([['value', this.filler(node)]]) };
  }

  /** A subgraph of an operator that is left alone must find the outer values it takes unchanged. */
  private pinCaptured(node: Node, name: string): void {
    if (!this.isFloat(name)) return;
    const home = this.homeOf(name);
    if (!home) return;
    this.request(name, 'float32', `the subgraph of ${node.opType} ${node.name}`);
    const pinned =
      home.pinned.get(name) ??
      (home.forms.get(name) === 'float16' && home.inputNames.has(name) ? 'float16' : undefined);
    if (pinned === 'float16') {
      throw new QuantizationRefused(
        `${node.opType} "${node.name}" has a subgraph that takes the float32 value "${name}"; float16 cannot reach into it.`,
      );
    }
    home.pinned.set(name, 'float32');
  }

  private filler(node: Node): NewAttribute {
    const attribute = node.attributes.get('value');
    if (attribute?.kind === 'tensor') {
      return { kind: 'tensor-data', value: this.context.convert(attribute.value, attribute.value.name) };
    }
    const zero = async function* () {
      yield new Uint8Array(2);
    };
    return { kind: 'tensor-data', value: { name: '', dataType: 'FLOAT16', dims: [1], byteLength: 2, produce: zero } };
  }

  /** Notes that a user in this graph (or in one inside it) wants `name` in `form`. */
  private request(name: string, form: Form, user: string): void {
    const constant = this.homeOf(name)?.constants.get(name);
    if (!constant) return;
    constant.wanted.add(form);
    // Scales of quantization are no weights that someone could miss.
    if (form === 'float32' && !/^\w*QuantizeLinear /.test(user)) constant.float32User ??= user.trimEnd();
  }

  private homeOf(name: string): GraphConversion | undefined {
    if (this.forms.has(name) || this.constants.has(name)) return this;
    // A value of this graph that is no float32 hides an outer one of its name.
    return this.shapes.values.has(name) ? undefined : this.place.parent?.homeOf(name);
  }

  private storedForms(name: string, constant: ConstantUse): readonly [Form, Form?] {
    return storedForms(constant, this.pinned.get(name));
  }

  /** The form of what carries the source's name in the new graph. */
  private namedForm(name: string): Form | undefined {
    const constant = this.constants.get(name);
    return constant ? this.storedForms(name, constant)[0] : (this.pinned.get(name) ?? this.forms.get(name));
  }

  /** The name under which the graph has a value in `form` without a Cast of its own; undefined where it has not. */
  private ownName(name: string, form: Form): string | undefined {
    if (this.namedForm(name) === form) return name;
    const constant = this.constants.get(name);
    const other = constant ? this.storedForms(name, constant)[1] : this.forms.get(name);
    return other === form ? this.newName(name, form) : undefined;
  }

  /** The name under which `form` of a value can be had in this graph; writes the Cast that is needed before `target` goes on. */
  private nameOf(name: string, form: Form, target: EditedNode[]): string {
    const home = this.homeOf(name);
    const own = home ? home.ownName(name, form) : name;
    if (!home || own !== undefined) return own ?? name;
    for (let graph: GraphConversion = this; graph !== home && graph.place.parent; graph = graph.place.parent) {
      if (graph.casts.has(keyOf(name, form))) return graph.newName(name, form);
    }
    if (home.casts.has(keyOf(name, form))) return home.newName(name, form);
    this.casts.add(keyOf(name, form));
    const from = home.ownName(name, form === 'float16' ? 'float32' : 'float16') ?? name;
    const to = this.newName(name, form);
    target.push(this.cast(from, to, form));
    return to;
  }

  private newName(name: string, form: Form): string {
    const key = keyOf(name, form);
    const known = this.newNames.get(key);
    if (known !== undefined) return known;
    const free = this.fresh(`${name}_${form}`);
    this.newNames.set(key, free);
    return free;
  }

  private fresh(base: string): string {
    const name = this.context.names.free(base);
    this.context.names.take(name);
    return name;
  }

  /** The edits of this graph and of the graphs inside it. */
  edits(): GraphEdits {
    const nodes: EditedNode[] = [];
    for (const planned of this.planned) this.writeNode(planned, nodes);
    if (this.shapes.order.some((index, position) => index !== position)) this.context.noteSorted(this.graph);
    const { initializers, added, removed } = this.editedInitializers();
    const inputs = new Map<string, ValueEdit | null>(removed.map((name) => [name, null]));
    const outputs = new Map<string, ValueEdit>();
    if (this.place.boundary === 'float16' && !this.place.isFunction) {
      for (const { name } of this.graph.inputs) if (this.forms.get(name) === 'float16') inputs.set(name, half);
      for (const { name } of this.graph.outputs) if (this.isFloat(name)) outputs.set(name, half);
    }
    const values = new Map<string, ValueEdit>();
    for (const name of this.graph.values.keys()) {
      // value_info of a subgraph may repeat values of the graphs around it.
      if (this.isFloat(name) && this.homeOf(name)?.namedForm(name) === 'float16') values.set(name, half);
    }
    return { nodes, initializers, addedInitializers: added, inputs, outputs, values };
  }

  private editedInitializers(): {
    readonly initializers: ReadonlyMap<string, TensorData>;
    readonly added: readonly TensorData[];
    readonly removed: readonly string[];
  } {
    const initializers = new Map<string, TensorData>();
    const added: TensorData[] = [];
    const removed: string[] = [];
    for (const { tensor, name, reason } of otherFloats(this.graph)) this.context.noteLeft(tensor, name, reason);
    for (const [name, constant] of this.constants) {
      const reason = reasonToStay(constant, this.pinned.get(name));
      if (reason !== undefined) this.context.noteLeft(constant.tensor, name, reason);
      if (constant.node !== undefined) continue;
      const [named, twin] = this.storedForms(name, constant);
      if (named === 'float16') {
        initializers.set(name, this.context.convert(constant.tensor, name));
        // An initializer of another type than the input of its name leaves the inputs.
        if (this.inputNames.has(name)) removed.push(name);
      }
      if (twin) added.push(this.stored(constant.tensor, twin, this.newName(name, twin)));
    }
    return { initializers, added, removed };
  }

  private stored(tensor: Tensor, form: Form, name: string): TensorData {
    return form === 'float16' ? this.context.convert(tensor, name) : this.context.copy(tensor, name);
  }

  private writeNode({ node, forms, bodies }: PlannedNode, target: EditedNode[]): void {
    const constant = this.constants.get(node.outputs[0] ?? '');
    if (constant?.node === node.index) {
      target.push(...this.editedConstant(node, constant));
      return;
    }
    const inputs = node.inputs.map((name, index) => {
      const form = forms.inputs[index];
      if (form === undefined || name === '') return name;
      return this.nameOf(name, form === 'as-is' ? this.formAtHand(name) : form, target);
    });
    const outputs = node.outputs.map((name, index) => {
      const form = forms.outputs[index];
      return form === undefined || name === '' ? name : (this.ownName(name, form) ?? name);
    });
    const subgraphs = new Map([...bodies].map(([name, body]) => [name, body.edits()] as const));
    const edited: KeptNode = {
      source: node.index,
      ...(differs(inputs, node.inputs) && { inputs }),
      ...(differs(outputs, node.outputs) && { outputs }),
      ...(forms.attributes && forms.outputs.includes('float16') && { attributes: forms.attributes }),
      ...(subgraphs.size > 0 && { subgraphs }),
    };
    target.push(edited);
    for (const [index, name] of node.outputs.entries()) {
      const own = outputs[index];
      const pinned = this.pinned.get(name);
      if (own !== undefined && own !== name && pinned) target.push(this.cast(own, name, pinned));
    }
  }

  private formAtHand(name: string): Form {
    const home = this.homeOf(name);
    const constant = home?.constants.get(name);
    return (constant ? home?.namedForm(name) : home?.forms.get(name)) ?? 'float32';
  }

  private editedConstant(node: Node, constant: ConstantUse): EditedNode[] {
    const [name = ''] = node.outputs;
    const [named, twin] = this.storedForms(name, constant);
    const content = (form: Form): ReadonlyMap<string, NewAttribute> =>
      new Map([['value', { kind: 'tensor-data', value: this.stored(constant.tensor, form, constant.tensor.name) }]]);
    const nodes: EditedNode[] = [{ source: node.index }];
    if (named === 'float16') {
      const others = [...node.attributes.keys()].filter((key) => key !== 'value').map((key) => [key, null] as const);
      nodes[0] = { source: node.index, attributes: new Map([...others, ...content(named)]) };
    }
    if (twin) {
      const twinName = this.newName(name, twin);
      nodes.push({
        opType: 'Constant',
        name: this.fresh(`${node.name || name}_${twin}`),
        inputs: [],
        outputs: [twinName],
        attributes: content(twin),
      });
    }
    return nodes;
  }

  private cast(from: string, to: string, form: Form): NewNode {
    this.context.noteCast();
    const name = this.fresh(`${to}_Cast`);
    return {
      opType: 'Cast',
      name,
      inputs: [from],
      outputs: [to],
      attributes: castAttributes(form, this.context.opset),
    };
  }
}

const half: ValueEdit = { dataType: 'FLOAT16' };

function keyOf(name: string, form: Form): string {
  return `${form} ${name}`;
}

function differs(a: readonly string[], b: readonly string[]): boolean {
  return a.some((name, index) => name !== b[index]);
}
