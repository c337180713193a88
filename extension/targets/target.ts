/** A chip or board. Sizes are published figures in bytes; `sources` say where each comes from. */
export interface Target {
  readonly id: string;
  readonly name: string;
  readonly vendor: string;
  readonly core: string;
  /** Absent for accelerators without a clock of their own that matters. */
  readonly clockHz?: number;
  readonly memories: readonly Memory[];
  /** The largest on-chip RAM with consecutive addresses, which may span several of `memories`: an arena must lie in one piece. */
  readonly largestContiguousRamBytes?: number;
  readonly accelerator?: string;
  readonly runtimes: readonly string[];
  readonly sources: Readonly<Record<string, string>>;
  readonly confidence: string;
  /** false: compiled from device lists and not looked up by a person, so the regions are to be shown. Absent: reviewed. */
  readonly reviewed?: false;
  /** Part numbers and board names that mean this target. */
  readonly aliases: readonly string[];
  readonly notes?: string;
  /** What the application needs beside the model. Absent: nothing set aside. */
  readonly reserves?: Reserves;
  /** What a project leaves to a program, such as a partition or a region of its linker script; wins over what the chip has. */
  readonly projectLimits?: Limits;
}

/** Bytes of the application beside the model: a part of the meters of their own, never hidden in a limit. */
export interface Reserves {
  readonly flash: number;
  readonly ram: number;
  readonly stack: number;
}

export const memoryKinds = ['flash', 'sram', 'tcm', 'psram', 'rram', 'mram', 'external-flash', 'accel-sram'] as const;

/** `psram` stands for any RAM outside the chip; `accel-sram` belongs to an accelerator and holds no arena of the CPU. */
export type MemoryKind = (typeof memoryKinds)[number];

export interface Memory {
  readonly name: string;
  readonly kind: MemoryKind;
  readonly bytes: number;
  readonly start?: string;
  readonly note?: string;
}

/** A limit the model is held against. `label` says what it is, such as "internal flash" or "external flash of the board". */
export interface Limit {
  readonly bytes: number;
  readonly label: string;
}

export interface Limits {
  /** undefined: the target has no flash of its own to hold the model; no verdict. */
  readonly flash: Limit | undefined;
  readonly ram: Limit | undefined;
}
