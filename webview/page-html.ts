export interface PageAddresses {
  readonly scriptUri: string;
  readonly styleUri: string;
  /** Fresh for every page; only the script that carries it runs. */
  readonly nonce: string;
  /** The origin styles may come from (`webview.cspSource`). */
  readonly cspSource: string;
  /** Language of the numbers, a BCP 47 tag; `en` when left out. */
  readonly language?: string;
}

/** The document around the page. It holds no data: everything about a model travels by message, because its names are untrusted. */
export function pageHtml(addresses: PageAddresses): string {
  const { scriptUri, styleUri, nonce, cspSource, language = 'en' } = addresses;
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${cspSource};`;
  return `<!DOCTYPE html>
<html lang="${escapeAttribute(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeAttribute(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Thimble</title>
<link rel="stylesheet" href="${escapeAttribute(styleUri)}">
</head>
<body>
<div id="page"></div>
<script nonce="${escapeAttribute(nonce)}" src="${escapeAttribute(scriptUri)}"></script>
</body>
</html>
`;
}

function escapeAttribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
