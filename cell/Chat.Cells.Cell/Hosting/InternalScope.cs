namespace Chat.Cells.Cell.Hosting;

/// <summary>Which tokens open an internal endpoint. The cell's own internal token opens all of them.</summary>
public enum InternalScope
{
    /// <summary>Only the cell's own internal token (<c>internal-token</c>).</summary>
    Full,

    /// <summary>Also another cell's token for reading here (<c>peer-{cell}</c>).</summary>
    Peer,

    /// <summary>Also the token of the bridge that brings another cell's records (<c>bridge-{cell}</c>).</summary>
    Bridge,
}

/// <summary>
/// What an internal endpoint asks of its caller. Checked before the endpoint runs: 401 without a known token, 403 with one of another scope or another cell.
/// </summary>
/// <param name="RouteParameter">The route value that must be the caller's cell; null when the endpoint looks at <see cref="InternalCaller"/> itself.</param>
public sealed record InternalAccess(InternalScope Scope, string? RouteParameter);

/// <summary>The authenticated caller of an internal endpoint; a feature of the request (<c>HttpContext.Features.Get&lt;InternalCaller&gt;()</c>).</summary>
/// <param name="Cell">The cell that the token belongs to; null for the cell's own internal token.</param>
public sealed record InternalCaller(InternalScope Scope, string? Cell);

/// <summary>Marks internal endpoints.</summary>
public static class InternalEndpointConventions
{
    /// <summary>Opens the endpoint to <c>internal-token</c>, and to the tokens of a scope whose cell equals a route value.</summary>
    public static TBuilder RequireInternal<TBuilder>(this TBuilder builder, InternalScope scope, string? routeParameter = null)
        where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new InternalAccess(scope, routeParameter));
}
