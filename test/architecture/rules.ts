/** The folders of `src`, lowest first: a folder may import those before it. Nothing else is allowed. */
export const order = ['core', 'channels', 'context', 'driver', 'pool', 'transaction', 'database'] as const;

export interface FolderRule {
  /** The folders that it may import, through their `index.ts`. */
  readonly folders: readonly string[];
  readonly packages: readonly string[];
}

const ordered = order.map((folder, index): [string, FolderRule] => [
  folder,
  { folders: order.slice(0, index), packages: [] },
]);

/** What each folder may import; a folder that is not here has no rule, which is an error too. */
export const rules: Readonly<Record<string, FolderRule>> = {
  ...Object.fromEntries(ordered),
  // The entry point of the package.
  '.': { folders: order, packages: [] },
  'drivers/postgres': { folders: ['core', 'driver'], packages: ['pg'] },
  'cli/demo': { folders: ['.', 'drivers/postgres'], packages: [] },
};
