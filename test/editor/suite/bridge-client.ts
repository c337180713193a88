import type { BridgeRequest } from '../bridge';

/** Asks the browser around the editor; throws what it answers with. */
export async function ask(request: BridgeRequest): Promise<unknown> {
  const address = process.env['THIMBLE_TEST_BRIDGE'];
  if (!address) throw new Error('no bridge');
  const response = await fetch(address, { method: 'POST', body: JSON.stringify(request) });
  const answer: { ok: boolean; value?: unknown; error?: string } = JSON.parse(await response.text());
  if (!answer.ok) throw new Error(answer.error);
  return answer.value;
}

export async function pageText(selector: string): Promise<string> {
  return String(await ask({ do: 'page-text', selector }));
}
