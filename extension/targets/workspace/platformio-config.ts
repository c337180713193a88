import { type IniSection, type IniValue, parseIni } from './ini-file';

/** An option of an environment, with the section that sets it. */
export interface PlatformIoOption extends IniValue {
  readonly section: string;
}

export interface PlatformIoFault {
  readonly code: string;
  readonly message: string;
  readonly line: number;
}

/** References to other options that are followed in one file; they may refer to each other. */
const mostExpansions = 5000;

/** platformio.ini with `extends`, `[env]` and `${section.option}` resolved. */
export class PlatformIoConfig {
  readonly faults: PlatformIoFault[] = [];
  private readonly sections: ReadonlyMap<string, IniSection>;
  private expansions = 0;
  private readonly orders = new Map<string, readonly IniSection[]>();

  constructor(text: string) {
    this.sections = parseIni(text);
  }

  /** Names of the environments that are built by default; all of them where nothing is said. */
  get environments(): readonly string[] {
    const all = [...this.sections.keys()].filter((name) => name.startsWith('env:')).map((name) => name.slice(4));
    const entry = this.sections.get('platformio')?.values.get('default_envs');
    const wanted = entry ? this.list(this.expand(entry.value, 0)) : [];
    const known = wanted.filter((name) => all.includes(name));
    for (const name of wanted.filter((other) => !known.includes(other))) {
      this.fault('unknown-environment', `There is no environment "${name}".`, entry?.line ?? 1);
    }
    return known.length > 0 ? known : all;
  }

  /** The first value along the chain of `extends`; undefined also when the chain is a circle. */
  option(environment: string, name: string): PlatformIoOption | undefined {
    for (const section of this.order(`env:${environment}`)) {
      const found = section.values.get(name);
      if (!found) continue;
      const value = this.expand(
        found.value.replace(/\$\{this\.__env__\}/g, () => environment),
        0,
      ).trim();
      return { value, line: found.line, section: section.name };
    }
    return undefined;
  }

  /** The sections an environment takes options from, in the order PlatformIO asks them: of several bases, the last first. */
  private order(name: string): readonly IniSection[] {
    const known = this.orders.get(name);
    if (known) return known;
    const order: IniSection[] = [];
    const fine = this.follow(name, [], order);
    const shared = this.sections.get('env');
    const result = fine ? [...order, ...(shared ? [shared] : [])] : [];
    this.orders.set(name, result);
    return result;
  }

  /** false when a section extends itself. */
  private follow(name: string, above: readonly string[], order: IniSection[]): boolean {
    const section = this.sections.get(name);
    if (!section || order.includes(section)) return true;
    order.push(section);
    const entry = section.values.get('extends');
    if (!entry) return true;
    for (const base of this.list(entry.value).reverse()) {
      const path = [...above, name];
      if (path.includes(base) || path.length > 50) {
        const circle = [...path.slice(Math.max(0, path.indexOf(base))), base].join(' extends ');
        this.fault('extends-cycle', `A section cannot extend itself: ${circle}.`, entry.line);
        return false;
      }
      if (!this.sections.has(base)) {
        this.fault('unknown-section', `There is no section [${base}] to extend.`, entry.line);
      } else if (!this.follow(base, path, order)) {
        return false;
      }
    }
    return true;
  }

  private expand(value: string, depth: number): string {
    return value.replace(/\$\{([^}.]+)\.([^}]+)\}/g, (whole, section: string, option: string) => {
      this.expansions += 1;
      const found = this.sections.get(section)?.values.get(option.toLowerCase());
      return found && depth < 8 && this.expansions < mostExpansions ? this.expand(found.value, depth + 1) : whole;
    });
  }

  private list(value: string): string[] {
    return value
      .split(/[,\n]/)
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  private fault(code: string, message: string, line: number): void {
    if (!this.faults.some((other) => other.line === line && other.code === code))
      this.faults.push({ code, message, line });
  }
}
