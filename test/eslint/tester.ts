import { registerHooks } from 'node:module';
import { RuleTester } from 'eslint';
import { describe, it } from 'vitest';

// The parser needs the programming interface of TypeScript, which the one that builds the project has no longer.
registerHooks({
  resolve: (specifier, context, next) => next(specifier === 'typescript' ? 'typescript-6' : specifier, context),
});
export const typescript = await import('@typescript-eslint/parser');

RuleTester.describe = describe;
RuleTester.it = it;
RuleTester.itOnly = it.only;

/** With the parser of ESLint itself. */
export const javascript: RuleTester = new RuleTester();
/** With that of TypeScript. */
export const typed: RuleTester = new RuleTester({ languageOptions: { parser: typescript } });
