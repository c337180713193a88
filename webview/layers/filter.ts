import type { LayerSummary } from '../../extension/worker/analysis';

type Test = (layer: LayerSummary) => boolean;

const units: Readonly<Record<string, number>> = {
  b: 1,
  kib: 1024,
  kb: 1024,
  k: 1024,
  mib: 1024 ** 2,
  mb: 1024 ** 2,
  m: 1024 ** 2,
};

/**
 * Reads the filter's words, all of which a layer must meet: `op:conv` its operator, `>10 KiB` or `<1 MiB` its weights,
 * anything else a part of its name.
 */
export function parseFilter(text: string): Test {
  const tests: Test[] = [];
  const rest = text.replace(
    /([<>])\s*(\d+(?:[.,]\d+)?)\s*([kKmM]i?[bB]?|[bB])?(?=\s|$)/g,
    (_all, sign, digits, unit) => {
      const bytes = Number(String(digits).replace(',', '.')) * (units[String(unit ?? 'b').toLowerCase()] ?? 1);
      tests.push(sign === '>' ? (layer) => layer.weightBytes > bytes : (layer) => layer.weightBytes < bytes);
      return ' ';
    },
  );
  for (const word of rest.toLowerCase().split(/\s+/)) {
    if (word === '') continue;
    if (word.startsWith('op:')) {
      const operator = word.slice(3);
      tests.push(
        (layer) => layer.opType.toLowerCase().includes(operator) || layer.operator.toLowerCase().includes(operator),
      );
    } else tests.push((layer) => layer.name.toLowerCase().includes(word));
  }
  return (layer) => tests.every((test) => test(layer));
}
