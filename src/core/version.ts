/** The version of the package, as package.json has it: a test holds the one to the other. */
export const version = '0.1.0';
