import { positionAt } from '../file-diagnostic';
import { type JsonNode, JsonSyntaxError, memberOf, parseJsonSource, textOf } from '../json-source';
import type { Detection } from './detection';
import { folderOf } from './files';
import type { WorkspaceGuess } from './guess';

/** Debug configurations: `device` of cortex-debug, `chip` of probe-rs. */
export async function detectLaunchJson(detection: Detection): Promise<readonly WorkspaceGuess[]> {
  const guesses: WorkspaceGuess[] = [];
  for (const file of await detection.find('**/.vscode/launch.json')) {
    const text = await detection.read(file);
    const root = text === undefined ? undefined : parse(text, file, detection);
    const list = memberOf(root, 'configurations');
    if (text === undefined || list?.kind !== 'array') continue;
    for (const node of list.items) {
      const type = textOf(memberOf(node, 'type'));
      const device = memberOf(node, type === 'probe-rs-debug' ? 'chip' : 'device');
      const named = textOf(device)?.trim() ?? '';
      // ${config:device} and the like are known to the editor only.
      if (!device || named === '' || named.includes('${')) continue;
      if (type !== 'cortex-debug' && type !== 'probe-rs-debug') continue;
      const { line } = positionAt(text, device.start);
      // The folder of the project is the one above .vscode. J-Link names some devices by vendor: NXP/LPC55S69_M33_0.
      // It also names the cores of the nRF5340; the network core has other memories.
      const part = named.replace(/^.*\//, '').replace(/_APP$/i, '');
      const lookUp = /_NET$/i.test(part) ? [] : [named, part, part.replace(/_(?:M\d+|CM\d+|CPU)(?:_\d)?$/i, '')];
      guesses.push(
        detection.guess({ kind: 'launch', file, line, projectFolder: folderOf(folderOf(file)), named, lookUp }),
      );
    }
  }
  return guesses;
}

function parse(text: string, file: string, detection: Detection): JsonNode | undefined {
  try {
    return parseJsonSource(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { line, column } = positionAt(text, error.offset);
    detection.report('warning', 'invalid-json', error.message, file, line, column);
    return undefined;
  }
}
