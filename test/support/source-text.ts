/**
 * TypeScript source with comments blanked and the inside of strings, templates and regular expressions filled with `_`.
 *
 * Length, offsets and line breaks stay, so what a pattern finds here stands at the same place in the source. Code
 * inside `${}` of a template stays code.
 */
export function maskSource(source: string): string {
  const masked = source.split('');
  /** For each template that the scanner stands in: how many braces are open in its current `${`. */
  const templates: number[] = [];
  let at = 0;

  const fill = (from: number, to: number, filler: string): void => {
    for (let i = from; i < Math.min(to, source.length); i++) if (source[i] !== '\n') masked[i] = filler;
  };
  const skipTemplateText = (): void => {
    const start = at;
    while (at < source.length && source[at] !== '`' && !source.startsWith('${', at)) at += source[at] === '\\' ? 2 : 1;
    fill(start, at, '_');
    if (source[at] === '`') at += 1;
    else {
      templates.push(0);
      at += 2;
    }
  };

  while (at < source.length) {
    const char = source[at]!;
    const start = at;
    if (source.startsWith('//', at)) {
      at = endOf(source, '\n', at, 0);
      fill(start, at, ' ');
    } else if (source.startsWith('/*', at)) {
      at = endOf(source, '*/', at + 2, 2);
      fill(start, at, ' ');
    } else if (char === "'" || char === '"') {
      at = endOfString(source, at);
      fill(start + 1, at - 1, '_');
    } else if (char === '/' && beginsRegExp(masked.slice(Math.max(0, at - 200), at).join(''))) {
      at = endOfRegExp(source, at);
      fill(start + 1, at - 1, '_');
    } else if (char === '`') {
      at += 1;
      skipTemplateText();
    } else if (char === '{' && templates.length > 0) {
      templates[templates.length - 1]! += 1;
      at += 1;
    } else if (char === '}' && templates.length > 0) {
      at += 1;
      if (templates[templates.length - 1] === 0) {
        templates.pop();
        skipTemplateText();
      } else templates[templates.length - 1]! -= 1;
    } else at += 1;
  }
  return masked.join('');
}

/** The 1-based line of an offset. */
export function lineOf(source: string, offset: number): number {
  return source.slice(0, offset).split('\n').length;
}

function endOf(source: string, end: string, from: number, length: number): number {
  const found = source.indexOf(end, from);
  return found === -1 ? source.length : found + length;
}

function endOfString(source: string, start: number): number {
  let at = start + 1;
  while (at < source.length && source[at] !== source[start] && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfRegExp(source: string, start: number): number {
  let at = start + 1;
  let inClass = false;
  while (at < source.length && source[at] !== '\n' && (inClass || source[at] !== '/')) {
    if (source[at] === '[') inClass = true;
    else if (source[at] === ']') inClass = false;
    at += source[at] === '\\' ? 2 : 1;
  }
  return at + 1;
}

/** A slash divides after a value (a name, a number, a closing bracket) and begins a regular expression elsewhere. */
function beginsRegExp(before: string): boolean {
  const code = before.trimEnd();
  if (/(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|yield|await)$/.test(code)) return true;
  return !/[\w$)\]}'"`]$/.test(code);
}
