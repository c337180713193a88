import assert from 'node:assert/strict';
import { quantizationReport } from '../../../extension/editor/quantization-report';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { analyseModel } from '../../../extension/worker/analyse';
import { buildModel } from '../../fixtures/model-builder';

async function readyPlan(fileBytes: number, externalBytes?: number) {
  const graph = { inputs: [{ name: 'x', dims: [1] }], outputs: [{ name: 'x' }], nodes: [] };
  const source = new MemoryByteSource(buildModel({ graph }));
  const { analysis } = await analyseModel({ fileName: 'net.onnx', source });
  const rest = { dataFileName: undefined, passes: [], left: [], convertedTensors: 1 };
  return { kind: 'ready', analysis, fileBytes, externalBytes, ...rest } as const;
}

const error = { sqnrDb: 40, overflows: 0, underflows: 0 };

describe('the report of a quantization', () => {
  it('says first by how much the file grows, its data included', async () => {
    const source = { bytes: 1000, externalBytes: 500 };
    const [grows] = quantizationReport(await readyPlan(1200, 1534), error, source);
    assert.equal(grows, 'The file grows by 1,234 bytes');
  });

  it('says nothing of growth when the file does not grow', async () => {
    const lines = quantizationReport(await readyPlan(1000), error, { bytes: 1000, externalBytes: 0 });
    assert.deepEqual(lines, [
      '1 tensor converted; all constants then take 0 B',
      'Weight error: 40.0 dB signal to noise, measured over all converted weights',
    ]);
  });
});
