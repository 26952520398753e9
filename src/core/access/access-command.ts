// What is asked about who may do what. These are the commands of admins, and of the service when access control begins.

import type { Asked } from "../write-context.ts";
import type { Policy } from "./policy.ts";
import type { Token, TokenRequest } from "./token.ts";

/** From here on nobody may do anything who has not shown who they are. It is never turned off again. */
interface TurnOnAccess extends Asked {
  readonly type: "turnOnAccess";
}

/** Makes the policy, or gives it these rules and no others. */
export interface SetPolicy extends Asked {
  readonly type: "setPolicy";
  readonly policy: Policy;
}

export interface DeletePolicy extends Asked {
  readonly type: "deletePolicy";
  readonly name: string;
}

export interface CreateToken extends Asked {
  readonly type: "createToken";
  readonly token: TokenRequest;
  /** SHA-256 of its secret, hex; absent for one that has none. */
  readonly hash?: string;
}

/** Another secret for the same token; those before it end after the overlap. */
export interface RotateToken extends Asked {
  readonly type: "rotateToken";
  readonly name: string;
  readonly hash: string;
  readonly overlapMs: number;
}

/** Members that are absent stay as they are. */
export interface ChangeToken extends Asked {
  readonly type: "changeToken";
  readonly name: string;
  readonly policies?: readonly string[];
  readonly validUntilMs?: number | null;
}

/** It is none from here on. */
export interface RevokeToken extends Asked {
  readonly type: "revokeToken";
  readonly name: string;
}

export type AccessCommand =
  | TurnOnAccess
  | SetPolicy
  | DeletePolicy
  | CreateToken
  | RotateToken
  | ChangeToken
  | RevokeToken;

export interface AccessOutcomes {
  turnOnAccess: { readonly isOn: true };
  setPolicy: { readonly policy: Policy; readonly created: boolean };
  deletePolicy: { readonly name: string };
  createToken: { readonly token: Token };
  rotateToken: { readonly token: Token };
  changeToken: { readonly token: Token };
  revokeToken: { readonly name: string };
}
