// What whoever asks for a test shows a service that asks who they are (access-on.ts).

/** Of the token that services under test know from the first; undefined where access control is off. */
export const { SECRET_OF_ADMIN: secretOfAdmin } = process.env;

export const nameOfAdmin = "suite";
export const secretOfOther = `${secretOfAdmin}-of-other`;

/** Who asks from another address is somebody else, as where clients are known by their addresses. */
export function secretAt(address: string): string | undefined {
  return secretOfAdmin !== undefined && address === "127.0.0.2" ? secretOfOther : secretOfAdmin;
}

export function bearerOf(secret: string | undefined): Readonly<Record<string, string>> {
  return secret === undefined ? {} : { authorization: `Bearer ${secret}` };
}
