import type { Rule } from 'eslint';
import { docsOf } from '../../core/index.ts';

/** What a rule brings. */
interface RuleParts {
  readonly description: string;
  readonly messages: Readonly<Record<string, string>>;
  /** The JSON schema of its one object of options. */
  readonly options?: Readonly<Record<string, object>>;
  readonly hasSuggestions?: boolean;
  readonly create: (context: Rule.RuleContext) => Rule.RuleListener;
}

/** A rule, whose documentation is the section of its name in docs/eslint.md. */
export function defineRule(name: string, parts: RuleParts): Rule.RuleModule {
  const { description, messages, options = {}, hasSuggestions = false, create } = parts;
  return {
    meta: {
      type: 'problem',
      docs: { description, recommended: true, url: docsOf('eslint', name) },
      messages: { ...messages },
      schema: [{ type: 'object', properties: { ...options }, additionalProperties: false }],
      hasSuggestions,
    },
    create,
  };
}

/** The options that a configuration gives a rule. */
export function optionsOf<Options extends object>(context: Rule.RuleContext): Partial<Options> {
  const [given] = context.options as readonly (Options | undefined)[];
  return given ?? {};
}
