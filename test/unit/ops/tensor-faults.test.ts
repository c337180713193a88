import assert from 'node:assert/strict';
import { inferNode, type NodeCase } from '../../fixtures/infer-node';
import { float, int64s } from './node-inputs';

/** Contradictions: a diagnostic that says what is wrong, the element type still known, and never a wrong shape. */
const cases: readonly (readonly [test: NodeCase, output: string, message: RegExp])[] = [
  [{ op: 'Add', inputs: [float(2), float(3)] }, 'FLOAT [null]', /cannot be broadcast/],
  [{ op: 'Reshape', inputs: [float(2, 3), int64s(-1, -1)] }, 'FLOAT ?', /more than one -1/],
  [{ op: 'Reshape', inputs: [float(2, 3), int64s(4, -1)] }, 'FLOAT [4, null]', /no multiple/],
  [{ op: 'Reshape', inputs: [float(2), int64s(2, 0)] }, 'FLOAT ?', /does not have/],
  [{ op: 'Squeeze', inputs: [float(2, 3), int64s(0)] }, 'FLOAT ?', /size is 2 and not 1/],
  [{ op: 'Transpose', inputs: [float(2, 3)], attributes: { perm: [0, 0] } }, 'FLOAT ?', /named twice/],
  [{ op: 'Gather', inputs: [float(2), int64s(0)], attributes: { axis: 3 } }, 'FLOAT ?', /out of range/],
  [{ op: 'Concat', inputs: [float(2, 3), float(2)], attributes: { axis: 0 } }, 'FLOAT ?', /different ranks/],
  [{ op: 'Split', opset: 13, outputs: 2, inputs: [float(5)] }, 'FLOAT [null]', /equal parts/],
  [{ op: 'Pad', inputs: [float(2, 3), int64s(1, 1)] }, 'FLOAT [null, null]', /2 pads for 2 axes/],
  [{ op: 'Tile', inputs: [float(2, 3), int64s(2)] }, 'FLOAT ?', /1 repeats/],
  [{ op: 'Resize', inputs: [float(2, 3)] }, 'FLOAT [null, null]', /without scales/],
];

describe('contradictions at a node', () => {
  for (const [test, output, message] of cases) {
    it(`${test.op}: ${message.source}`, async () => {
      const { outputs, faults } = await inferNode(test);
      assert.equal(outputs[0], output);
      assert.match(faults.join('\n'), message);
    });
  }
});
