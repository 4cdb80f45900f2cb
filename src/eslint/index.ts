import type { ESLint, Linter, Rule } from 'eslint';
import { version } from '../core/index.ts';
import { noFloatingStatements } from './rules/no-floating-statements.ts';
import { noForeignWait } from './rules/no-foreign-wait.ts';
import { noHookOutsideTransaction } from './rules/no-hook-outside-transaction.ts';
import { noNeedlessTx } from './rules/no-needless-tx.ts';
import { noUnbound } from './rules/no-unbound.ts';

/** The names of the rules, without the prefix `sluice/`. Each is a section of docs/eslint.md. */
export type RuleName =
  | 'no-unbound'
  | 'no-floating-statements'
  | 'no-foreign-wait'
  | 'no-needless-tx'
  | 'no-hook-outside-transaction';

/** What ESLint knows the plugin by. */
export interface PluginMeta {
  /** The name of the plugin. */
  readonly name: string;
  /** The version of the package. */
  readonly version: string;
  /** The prefix of its rules. */
  readonly namespace: string;
}

/** Configurations of ESLint, for `eslint.config.js`. */
export interface PluginConfigs {
  /** All rules as errors, without files and parsers. */
  readonly recommended: Linter.Config;
}

/** The plugin as ESLint and oxlint load it. */
export interface SluicePlugin {
  /** Its name and version. */
  readonly meta: PluginMeta;
  /** The rules by their names, without the prefix `sluice/`. */
  readonly rules: Record<RuleName, Rule.RuleModule>;
  /** Configurations that have the plugin and its rules. */
  readonly configs: PluginConfigs;
}

/** The name and the version by which ESLint knows the plugin. */
export const meta: PluginMeta = { name: 'sluice', version, namespace: 'sluice' };

/** The rules by their names. */
export const rules: Record<RuleName, Rule.RuleModule> = {
  'no-unbound': noUnbound,
  'no-floating-statements': noFloatingStatements,
  'no-foreign-wait': noForeignWait,
  'no-needless-tx': noNeedlessTx,
  'no-hook-outside-transaction': noHookOutsideTransaction,
};

const plugin: ESLint.Plugin = { meta, rules };

/**
 * Configurations for `eslint.config.js`. `recommended` has all rules as errors.
 *
 * ```ts
 * import sluice from 'sluice/eslint';
 *
 * const config = [{ files: ['src/**'], ...sluice.configs.recommended }];
 * ```
 */
export const configs: PluginConfigs = {
  recommended: {
    name: 'sluice/recommended',
    plugins: { sluice: plugin },
    rules: Object.fromEntries(Object.keys(rules).map((name) => [`sluice/${name}`, 'error'] as const)),
  },
};

/** The plugin, for `plugins` of ESLint and `jsPlugins` of oxlint. */
const sluice: SluicePlugin = { meta, rules, configs };

export default sluice;
