// Types of countermark.js.

/**
 * The fields of each scheme for its vendor. Add a scheme of your own:
 * `declare module "./countermark.js" { interface Identities { acme: { hash: string } } }`
 */
export interface Identities {
  // The schemes of the catalogue.
}

export interface Options<Identity> {
  /** The URL of the endpoint; by default `/signatures`. */
  url?: string;
  /**
   * Takes a new token of the same user, before the old one expires. Without this function the
   * widget is stopped and started again.
   */
  renew?: (identity: Identity) => unknown;
  /**
   * Returns more options of `fetch` for each request to the URL, such as a header
   * `Authorization`, or `credentials: "include"` for an endpoint of another origin.
   */
  request?: () => RequestInit | Promise<RequestInit>;
}

/**
 * Starts the widget of a vendor for the current user, and stops it when the user has gone.
 *
 * The functions are called one at a time; if one returns a promise, the next call waits for it.
 * An error in them is reported to the page's handler of uncaught errors.
 *
 * @param scheme The name of the scheme.
 * @param start Starts the widget. Its second argument returns a new token of the same user at
 *   each call, for vendors that ask for tokens themselves; it fails if the user has changed.
 * @param stop Stops the widget. It is called after each `start`, even after one that failed.
 * @returns A function that stops the widget and follows the user no longer.
 */
export function follow<Scheme extends keyof Identities>(
  scheme: Scheme,
  start: (identity: Identities[Scheme], fresh: () => Promise<Identities[Scheme]>) => unknown,
  stop: () => unknown,
  options?: Options<Identities[Scheme]>,
): () => void;

/**
 * Asks who the user is now, and resolves when widgets for another user have been told to stop.
 *
 * Call it after your own login and logout. If the endpoint cannot tell, all widgets stop.
 */
export function refresh(): Promise<void>;
