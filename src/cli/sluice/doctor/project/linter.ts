import { createRequire, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import type { Linter } from 'eslint';
import { rules } from '../../../../eslint/index.ts';

/** A place in a file where a handle is made that does not follow the ambient transaction. */
export interface UnboundPlace {
  readonly line: number;
  readonly message: string;
}

/** Reads a file. @returns undefined for one that it cannot read */
export type ReadPlaces = (text: string, file: string) => readonly UnboundPlace[] | undefined;

/** The rule `sluice/no-unbound` in the ESLint of the program; undefined where it has none. */
export function openLinter(folder: string): ReadPlaces | undefined {
  const load = createRequire(join(folder, 'package.json'));
  const eslint = loaded(load, 'eslint') as { Linter: typeof Linter } | undefined;
  if (eslint === undefined) return undefined;
  const linter = new eslint.Linter({ configType: 'flat' });
  const parser =
    (loaded(load, '@typescript-eslint/parser') as Linter.Parser | undefined) ??
    (loaded(load, 'typescript-eslint') as { readonly parser: Linter.Parser } | undefined)?.parser;
  return (text, file) => {
    const isTypeScript = /\.(?:[cm]?ts|tsx)$/.test(file);
    const code = isTypeScript && parser === undefined ? withoutTypes(text) : text;
    if (code === undefined) return undefined;
    const messages = linter.verify(code, configFor(file, parser), { filename: file });
    if (messages.some(({ fatal }) => fatal === true)) return undefined;
    return messages
      .filter(({ ruleId }) => ruleId === 'sluice/no-unbound')
      .map(({ line, message }) => ({ line, message }));
  };
}

/** Node.js blanks types out, so that lines stay where they are; it cannot with what is more than types. */
function withoutTypes(text: string): string | undefined {
  try {
    return stripTypeScriptTypes(text);
  } catch {
    return undefined;
  }
}

function configFor(file: string, parser: Linter.Parser | undefined): Linter.Config {
  return {
    files: ['**/*.{js,mjs,cjs,jsx,ts,mts,cts,tsx}'],
    plugins: { sluice: { rules } },
    rules: { 'sluice/no-unbound': 'error' },
    // Comments about rules that are not here are none of ours.
    linterOptions: { reportUnusedDisableDirectives: 'off' },
    languageOptions: {
      ...(parser === undefined ? {} : { parser }),
      sourceType: file.endsWith('.cjs') ? 'commonjs' : 'module',
      parserOptions: { ecmaFeatures: { jsx: file.endsWith('x') } },
    },
  };
}

/** A package that cannot be used, as a parser may be that does not know the TypeScript of the program, is as good as none. */
function loaded(load: NodeJS.Require, name: string): unknown {
  const { error, warn } = console;
  // It may say so at length.
  Object.assign(console, { error: () => {}, warn: () => {} });
  try {
    return load(name);
  } catch {
    return undefined;
  } finally {
    Object.assign(console, { error, warn });
  }
}
