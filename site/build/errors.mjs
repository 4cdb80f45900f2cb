// A page for each code, so that a search for it leads there: from the rows of the tables in docs/errors.md.
import { write } from './pages.mjs';

const row = /^\| (?:<a id="\w+"><\/a>)?`([A-Z_]+)` \| `(\w+)`(.*?) \| (.*) \| (.*) \|$/gm;

/** @param text of the page of errors, as the site has it. @returns the codes */
export function writeErrors(text) {
  const rows = [...text.matchAll(row)].map(([, code, type, from, meaning, remedy]) => ({
    code,
    type,
    from,
    meaning,
    remedy,
  }));
  const codes = [...new Set(rows.map(({ code }) => code))];
  if (codes.length < 30) throw new Error(`The page of errors has only ${codes.length} codes.`);
  for (const code of codes) {
    const parts = rows
      .filter((each) => each.code === code)
      .map(
        ({ type, from, meaning, remedy }) =>
          `## ${type}${from}\n\n${sentence(meaning)}\n\n**What to do.** ${sentence(remedy)}`,
      );
    const all = `[All errors](/errors), [what an error has](/errors#what-an-error-has)`;
    write(`errors/${code.toLowerCase()}.md`, `# ${code}\n\n${parts.join('\n\n')}\n\n${all}\n`);
  }
  return codes;
}

/** Anchors within the page of errors lead there. */
function sentence(text) {
  return text.replaceAll('](#', '](/errors#').replaceAll(/<a id="\w+"><\/a>/g, '');
}
