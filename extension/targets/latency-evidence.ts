import data from './latency.generated.json';

/** Kinds of work that published latencies tell apart. `other`: operations on elements, such as pooling and sums of tensors. */
export const workKinds = ['conv', 'depthwise', 'pointwise', 'dense', 'other'] as const;

export type WorkKind = (typeof workKinds)[number];

/** Multiply-accumulates by kind; of `other`, operations on elements. */
export type Work = Readonly<Record<WorkKind, number>>;

/** What runs a model: the things that latency is taken to depend on. */
export interface LatencySystem {
  /** Absent for a board of which nothing is published. */
  readonly board?: string;
  /** As published, such as "Cortex-M4"; of an accelerator, its name. */
  readonly core: string;
  /** Kind of core (`kindOfCore`) or accelerator. */
  readonly kind: CoreKind;
  /** Versions of a runtime that perform alike. */
  readonly family: string;
  /** Families of one maker or kernel library. */
  readonly line: string;
  readonly precision: string;
}

/** A published latency. */
export interface LatencyRow {
  readonly system: LatencySystem;
  /** Id of the catalogue's target that is on this board. */
  readonly target?: string;
  readonly runtime: string;
  /** 0 where it is not published. */
  readonly clockMhz: number;
  readonly model: string;
  /** Absent where the layers of the model are not known. */
  readonly work?: Work;
  readonly milliseconds: number;
  readonly source: string;
  /** A compiler's own estimate, not measured on silicon. */
  readonly computed: boolean;
  /** Computed back from a rounded rate, which stands for a row that is not in the list. */
  readonly rate: boolean;
}

const coreKinds = [
  { kind: 'core with vector extension (RISC-V V)', pattern: /RVV|GCV|\bC90[68]\b/i },
  { kind: 'core with Helium', pattern: /Cortex-M(52|55|85)/i },
  { kind: 'core with Espressif vector instructions', pattern: /LX7 ?(\(S3\)|\+vector)|PIE/i },
  // Four 8-bit products an instruction, where Arm's DSP instructions have two of 16 bits.
  { kind: 'core with packed 8-bit products (RISC-V P)', pattern: /AndesCore (D|AX)\d/i },
  { kind: '32-bit core with DSP instructions', pattern: /Cortex-M(4|7|33|35)|RXv2/i },
  // ARMv6-M and ARMv8-M Baseline have neither a multiply-accumulate nor a product of 64 bits.
  { kind: 'core with plain multiplication only', pattern: /Cortex-M(0|1|23)(?!\d)/i },
  { kind: '32-bit core without DSP instructions', pattern: /Cortex-M3(?!\d)|LX[67]|RV32|RH850|QingKe/i },
] as const;

/** `other` is no kind: such cores have nothing in common that could be learned from. */
export type CoreKind = (typeof coreKinds)[number]['kind'] | 'accelerator' | 'other';

/** What a core has to compute with, as far as its name says. */
export function kindOfCore(core: string): CoreKind {
  return coreKinds.find(({ pattern }) => pattern.test(core))?.kind ?? 'other';
}

/** The name of a core without its floating-point unit and notes: "Cortex-M7 (DP FPU)" and "Cortex-M4F" are Cortex-M7 and Cortex-M4. */
export function coreName(core: string): string {
  const arm = /Cortex-([AM]\d+\+?)/i.exec(core)?.[1];
  if (arm) return core.startsWith('2x') ? core : `Cortex-${arm}`;
  if (/LX7 ?(\(S3\)|\+vector)/.test(core)) return 'Xtensa LX7 with vector instructions';
  const thead = /\bC90[68]\b/.exec(core)?.[0];
  return thead ? `XuanTie ${thead}` : core;
}

let rows: readonly LatencyRow[] | undefined;

/** All published latencies, those too that no estimate can use. */
export function publishedLatencies(): readonly LatencyRow[] {
  rows ??= data.rows.flatMap(([systemIndex = -1, modelIndex = -1, milliseconds = 0, sourceIndex = -1]) => {
    const system = data.systems[systemIndex];
    const model = data.models[modelIndex];
    if (!system || !model) return [];
    const [conv = 0, depthwise = 0, pointwise = 0, dense = 0, other = 0] = model.work ?? [];
    const accelerated = system.accelerator !== undefined;
    return {
      system: {
        board: system.board,
        core: system.accelerator ?? coreName(system.core),
        kind: accelerated ? 'accelerator' : kindOfCore(system.core),
        family: system.family,
        line: system.line,
        precision: system.precision,
      },
      ...(system.target !== undefined && { target: system.target }),
      runtime: system.runtime,
      clockMhz: system.clockMhz,
      model: model.name,
      ...(model.work && { work: { conv, depthwise, pointwise, dense, other } }),
      milliseconds,
      source: data.sources[sourceIndex] ?? '',
      computed: system.computed === true,
      rate: system.rate === true,
    };
  });
  return rows;
}
