// Reads what a page tells its reader to type: packages to install, files to save, commands to run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../entry-points.mjs';

/** What a text says to run. */
const command = /(?:run it with|client with|needs|them:|and) `((?:node|npm|npx) [^`]+)`/gi;

/**
 * Steps of a section of a page in its order, each with the line that it is on. A file is saved as the text before its block says
 * ("Save this as `shop.mts`"), before what that text says to run ("run it with `node shop.mts`").
 * @param section its heading; without one it is what stands before the first heading of the second level
 */
export function stepsOf(page, section) {
  const lines = linesOf(page, section);
  const steps = [];
  let said = [];
  for (let at = 0; at < lines.length; at += 1) {
    const { text, line } = lines[at];
    const [, language] = /^```(\S+)/.exec(text) ?? [];
    if (language === undefined) {
      said.push(...[...text.matchAll(/as `([^`]+\.\w+)`/g)].map(([, path]) => ({ path, line })));
      said.push(...[...text.matchAll(command)].map(([, run]) => ({ run, line })));
      continue;
    }
    const end = lines.findIndex((other, index) => index > at && other.text === '```');
    const block = `${lines
      .slice(at + 1, end)
      .map((each) => each.text)
      .join('\n')}\n`;
    const path = said.find((each) => each.path !== undefined)?.path;
    const runs = said.filter(({ run }) => run !== undefined);
    if (language === 'text') steps.push(...runs.splice(0), { printed: block, line });
    else if (language === 'sh') steps.push({ run: block, line });
    else if (path !== undefined) steps.push({ path, block, line });
    steps.push(...runs);
    said = [];
    at = end;
  }
  // A command may stand after its block.
  return [...steps, ...said.filter(({ run }) => run !== undefined)];
}

/** What a page says at its top to install. */
export function installsOf(page) {
  return stepsOf(page).filter(({ run }) => run?.startsWith('npm install') === true);
}

function linesOf(page, section) {
  const text = readFileSync(join(root, page), 'utf8');
  const lines = text.split('\n').map((each, index) => ({ text: each, line: index + 1 }));
  const begin =
    section === undefined
      ? 1
      : lines.findIndex((each) => /^#{2,3} /.test(each.text) && each.text.replace(/^#+ /, '') === section) + 1;
  if (begin === 0) throw new Error(`${page} has no section "${section}"`);
  const end = lines.findIndex((each, index) => index >= begin && /^#{1,3} /.test(each.text));
  return lines.slice(begin, end < 0 ? undefined : end);
}
