/** The program, as the checks see it. */
export interface Project {
  /** Its folder, in full. */
  readonly folder: string;
  /** Of the Node.js that runs this, such as `24.1.0`. */
  readonly node: string;
}
