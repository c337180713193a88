import type { Target } from './target';

/**
 * What may follow a part number without changing the memories: package, temperature range, packing, or the module around the chip.
 * All patterns are matched against lower-case text without separators.
 */
interface SuffixRule {
  readonly part: RegExp;
  readonly suffix: RegExp;
}

// Sources: the ordering information in the vendors' datasheets.
const suffixRules: readonly SuffixRule[] = [
  // STM32F746ZG + T6, Tx, T6U, H3Q: package letter, temperature digit (x in tools: any), options. GD32 and CH32 follow the same scheme.
  { part: /^(stm32|gd32|ch32)/, suffix: /^[a-z](?:[x\d][a-z]{0,3}\d?)?$/ },
  // nRF52840 + QIAA, _xxAA, QIAA-R7: package, then a variant. Only the variants that end in A have the memories of the table
  // (nRF52832-xxAB has half).
  { part: /^nrf/, suffix: /^[a-z]{3}a(?:[a-z]\w?)?(?:r7?|t)?$/ },
  // ESP32 + WROOM-32, D0WD-V3 (module or die), but not the letter and digit of another series such as ESP32-H4.
  { part: /^esp32$/, suffix: /^(?:wroom|wrover|mini|solo|pico|devkit|d0wd|d2wd|u4wdh)\w*$/ },
  // ESP32-S3 + WROOM-1-N16R8 (module), FN8, FH4R2, R8 (memory in the package, besides the SRAM); ESP8684 + H4.
  { part: /^esp/, suffix: /^(?:(?:wroom|wrover|mini|solo|devkit)\w*|(?:f[nh]|rh?|h|nrw)\d+(?:r\d+)?v?)$/ },
  // RP2040 + B2 (stepping), RP2350 + A or B (package) and stepping.
  { part: /^rp2/, suffix: /^(?:[ab]\d?)$/ },
  // MIMXRT1062 + DVL6A, MCXN947 + VDFT, LPC55S69 + JBD100, MAX78000 + EXG, EFR32…F1536 + IM48, ATSAMD51P20A + AU.
  { part: /^[a-z]+\d{2}\w*$/, suffix: /^[a-z]{2,4}\d{0,3}[a-z]{0,2}$/ },
];

/** Lower case without separators, so that `nRF52840_xxAA` and `nrf52840-xxaa` are one. */
export function normalizePart(text: string): string {
  return text.toLowerCase().replace(/[\s\-_/.+]/g, '');
}

/** Each text normalized, thousands of them in one go. */
export function normalizeParts(texts: readonly string[]): readonly string[] {
  return texts.length === 0 ? [] : normalizePart(texts.join('\0')).split('\0');
}

/** The part numbers a target goes by, normalized: its id and the words of its name that look like one. */
export function partNumbersOf(target: Target): readonly string[] {
  const words = [target.id, ...target.name.split(/[\s(),/]+/)].map(normalizePart);
  return [...new Set(words.filter((word) => word.length >= 5 && /\d\d/.test(word)))];
}

/** True when `text` (normalized) is the part number with a suffix that only names package, temperature range or module. */
export function isPackageVariant(text: string, part: string): boolean {
  if (!text.startsWith(part) || text.length === part.length) return false;
  const rule = suffixRules.find((candidate) => candidate.part.test(part));
  return rule?.suffix.test(text.slice(part.length)) ?? false;
}
