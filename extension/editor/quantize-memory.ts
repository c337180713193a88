import {
  defaultPreprocessing,
  type Preprocessing,
  parsePreprocessing,
} from '../quantize/calibration-data/preprocessing';

/** Where the editor keeps things for a workspace. */
interface Memento {
  get<Value>(key: string): Value | undefined;
  update(key: string, value: unknown): PromiseLike<void>;
}

/** What is kept for one model file. */
export interface RememberedData {
  readonly paths: readonly string[];
  readonly preprocessing: Preprocessing;
}

/** Calibration data and its preprocessing, per model file. */
export class QuantizeMemory {
  constructor(private readonly state: Memento) {}

  /** undefined where nothing is kept, or what an older version kept cannot be read. */
  get(model: string): RememberedData | undefined {
    const kept = this.state.get<unknown>(keyOf(model));
    if (typeof kept !== 'object' || kept === null) return undefined;
    const fields = new Map<string, unknown>(Object.entries(kept));
    const paths = fields.get('paths');
    if (!Array.isArray(paths)) return undefined;
    return {
      paths: paths.filter((path): path is string => typeof path === 'string'),
      preprocessing: readPreprocessing(fields.get('preprocessing')),
    };
  }

  async set(model: string, data: RememberedData): Promise<void> {
    await this.state.update(keyOf(model), data);
  }
}

function readPreprocessing(kept: unknown): Preprocessing {
  try {
    return parsePreprocessing(kept);
  } catch {
    return defaultPreprocessing;
  }
}

function keyOf(model: string): string {
  return `quantize:${model}`;
}
