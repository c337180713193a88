import type { Verdict } from '../targets/verdict';
import { printable } from './table';

/** The formats of `thimble check` for build servers. */
export const reportFormats = ['github', 'junit', 'sarif'] as const;

export type ReportFormat = (typeof reportFormats)[number];

/** A model that was checked: its verdict, or why there is none. */
export type CheckedModel =
  | { readonly file: string; readonly verdict: Verdict }
  | { readonly file: string; readonly error: string };

export function isReportFormat(text: string): text is ReportFormat {
  return reportFormats.some((format) => format === text);
}

/** The report of a whole check, ending with a line break. `version` is that of the program. */
export function checkReport(format: ReportFormat, models: readonly CheckedModel[], version: string): string {
  const findings = models.map(findingOf);
  if (format === 'github') return findings.map(githubLine).join('');
  return format === 'junit' ? junitReport(findings) : sarifReport(findings, version);
}

const rules = {
  'does-not-fit': 'The model needs more flash or RAM than there is, or more time than is allowed.',
  'cannot-run': 'The runtime has no kernel for an operator of the model.',
  tight: 'The model fits, with little room to spare.',
  unknown: 'A figure that the verdict needs is not known.',
  unreadable: 'The model file cannot be read.',
} as const;

type Rule = keyof typeof rules;

interface Finding {
  readonly file: string;
  /** Absent: nothing to say against the model. */
  readonly rule?: Rule;
  readonly level: 'pass' | 'warning' | 'error';
  readonly text: string;
  readonly target: string;
}

function findingOf(model: CheckedModel): Finding {
  const { file } = model;
  if ('error' in model) return { file, rule: 'unreadable', level: 'error', text: model.error, target: '' };
  const { outcome, lead, detail, targetName } = model.verdict;
  const text = `${lead} ${detail}`;
  const target = targetName;
  if (outcome === 'fits' || outcome === 'model-data-fits') return { file, level: 'pass', text, target };
  return { file, rule: outcome, level: outcome === 'tight' ? 'warning' : 'error', text, target };
}

/** A workflow command that GitHub shows at the file; of models that fit a line for the log. */
function githubLine({ file, level, rule, text }: Finding): string {
  if (!rule) return `${commandText(`${file}: ${text}`)}\n`;
  return `::${level} file=${commandProperty(file)},title=${commandProperty(`Thimble: ${rule}`)}::${commandText(text)}\n`;
}

function commandText(text: string): string {
  // A line of the log that began with two colons would be a command.
  return printable(text.replace(/^::/, ': :').replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A'));
}

function commandProperty(text: string): string {
  return commandText(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** What is over budget is a failure; what cannot be told, because the file is bad or a figure is missing, is an error. */
function junitReport(findings: readonly Finding[]): string {
  const isError = ({ rule }: Finding) => rule === 'unreadable' || rule === 'unknown';
  const errors = findings.filter(isError).length;
  const failures = findings.filter((finding) => finding.level === 'error').length - errors;
  const counts = `tests="${findings.length}" failures="${failures}" errors="${errors}"`;
  const cases = findings.map((finding) => {
    const { file, level, rule, text, target } = finding;
    const opening = `    <testcase classname="${xml(target === '' ? 'thimble' : target)}" name="${xml(file)}"`;
    if (level === 'pass') return `${opening}/>\n`;
    const element = isError(finding) ? 'error' : 'failure';
    const inside =
      level === 'warning'
        ? `<system-out>${xml(text)}</system-out>`
        : `<${element} type="${rule}" message="${xml(text)}"/>`;
    return `${opening}>\n      ${inside}\n    </testcase>\n`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n',
    `<testsuites name="thimble check" ${counts}>\n`,
    `  <testsuite name="thimble check" ${counts} skipped="0">\n`,
    ...cases,
    '  </testsuite>\n</testsuites>\n',
  ].join('');
}

const xmlNames: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text for XML 1.0, which has no place for most control characters and for halves of surrogate pairs. */
function xml(text: string): string {
  const allowed = Array.from(text, (character) => (isXmlCharacter(character) ? character : '\uFFFD')).join('');
  return allowed.replace(/[&<>"]/g, (character) => xmlNames[character] ?? character).replace(/[\t\n\r]/g, ' ');
}

function isXmlCharacter(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
  return !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfffe && code !== 0xffff;
}

/** SARIF 2.1.0, one result for every model that does not simply fit. */
function sarifReport(findings: readonly Finding[], version: string): string {
  const used = Object.entries(rules).filter(([id]) => findings.some(({ rule }) => rule === id));
  const report = {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'thimble',
            version,
            rules: used.map(([id, text]) => ({ id, shortDescription: { text } })),
          },
        },
        results: findings.flatMap(({ file, rule, level, text }) => {
          if (!rule) return [];
          // A model has no lines; code scanning wants one.
          const physicalLocation = { artifactLocation: { uri: fileUri(file) }, region: { startLine: 1 } };
          return [{ ruleId: rule, level, message: { text }, locations: [{ physicalLocation }] }];
        }),
      },
    ],
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** A relative reference for a relative path, a `file:` URI for an absolute one. */
function fileUri(path: string): string {
  const slashes = path.replaceAll('\\', '/');
  // Half a surrogate pair has no encoding.
  const whole = slashes.replace(/[\uD800-\uDFFF]/gu, '\uFFFD');
  const encoded = whole.split('/').map(encodeURIComponent).join('/');
  if (slashes.startsWith('/')) return `file://${encoded}`;
  return /^[A-Za-z]:\//.test(slashes) ? `file:///${encoded.replace('%3A', ':')}` : encoded.replace(/^(\.\/)+/, '');
}
