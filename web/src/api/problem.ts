/** What the server says when something does not go: RFC 9457 problems with a cure. */

export interface FieldProblem {
  readonly path: string;
  readonly message: string;
  readonly cure?: string;
}

interface ProblemBody {
  readonly status?: number;
  readonly kind?: string;
  readonly detail?: string;
  readonly cure?: string;
  readonly request_id?: string;
  readonly problems?: readonly FieldProblem[];
  readonly position?: number;
}

/** One refusal: words for a person, and what a program may decide by (`kind`, `status`). */
export class Problem extends Error {
  readonly status: number;
  readonly kind: string;
  readonly cure: string;
  readonly requestId: string;
  readonly fields: readonly FieldProblem[];
  /** Where in the text that was refused the fault is, counted from 0; null when nothing can be pointed at. */
  readonly position: number | null;

  constructor(status: number, body: ProblemBody) {
    super(body.detail ?? "");
    this.name = "Problem";
    this.status = status;
    this.kind = body.kind ?? "Unforeseen";
    this.cure = body.cure ?? "";
    this.requestId = body.request_id ?? "";
    this.fields = body.problems ?? [];
    this.position = body.position ?? null;
  }

  /** Nobody answered: the studio is stopped, or the line is cut. */
  get isOffline(): boolean {
    return this.status === 0;
  }
}

export function problemOf(error: unknown, status = 0): Problem {
  if (error instanceof Problem) return error;
  if (typeof error === "object" && error !== null && "detail" in error)
    return new Problem(status, error as ProblemBody);
  return new Problem(status, { kind: status === 0 ? "Offline" : "Unforeseen" });
}
