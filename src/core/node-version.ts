import { UnsupportedNodeError } from './errors.ts';

/** The oldest Node.js that has what is used, as major and minor version: that of `engines` in package.json. */
export const oldestNode = [22, 12] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

// Without this the first missing function would be a TypeError somewhere below.
if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
  throw new UnsupportedNodeError({
    what: `Sluice was loaded by Node.js ${process.versions.node}, which lacks what it uses`,
    remedy: `Run the program with Node.js ${oldestNode.join('.')} or later`,
  });
}
