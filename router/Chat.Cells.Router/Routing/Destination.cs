using System.Globalization;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Router.Routing;

/// <summary>Where a request goes: a cell, or the reason why nowhere.</summary>
/// <param name="Down">The cell that it would go to, were that not down.</param>
internal readonly record struct Destination(CellEntry? Cell, Refusal? Refusal, CellEntry? Down = null)
{
    public static implicit operator Destination(CellEntry cell) => new(cell, null);
    public static implicit operator Destination(Refusal refusal) => new(null, refusal);
}

/// <summary>An answer that the router gives itself.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Code">One of <see cref="ErrorCodes"/>.</param>
/// <param name="Detail">What was wrong and what to do; never repeats credentials.</param>
internal sealed record Refusal(int Status, string Code, string Detail)
{
    public static readonly Refusal NoMap = new(503, ErrorCodes.CellUnavailable, "The router has no cell map yet. Try again shortly.");
    public static readonly Refusal UnknownCell = new(503, ErrorCodes.CellUnavailable, "The cell of this user is not known here. Try again shortly.");
    public static readonly Refusal NoCellUp = new(503, ErrorCodes.CellUnavailable, "No cell can be reached right now. Try again shortly.");
    public static readonly Refusal Draining = new(503, ErrorCodes.CellUnavailable, "This router is shutting down. Connect again.");
    public static readonly Refusal NoSuchPath = new(404, ErrorCodes.NotFound, "There is nothing at this path. The API is described at /v1/openapi.json.");
    public static readonly Refusal NoSuchUser = new(404, ErrorCodes.NotFound, "There is no such user.");
    public static readonly Refusal NoSuchHandle = new(404, ErrorCodes.NotFound, "There is no such handle. A handle is name@region.");
    public static readonly Refusal NoToken = new(401, ErrorCodes.Unauthorized, "Show an access token: Authorization: Bearer <token>, or a ticket as a WebSocket subprotocol.");
    public static readonly Refusal ForeignOrigin = new(403, ErrorCodes.Forbidden, "Pages of this origin may not use this service.");
    public static readonly Refusal TooManyAttempts = new(429, ErrorCodes.RateLimited, "Too many attempts from this address. Wait, then try again.");

    public static Refusal CellDown(CellEntry cell) => new(503, ErrorCodes.CellUnavailable, $"Cell {cell.Name} can't be reached right now. Try again shortly.");

    public static Refusal BadToken(AccessTokenStatus status) => new(401, ErrorCodes.Unauthorized, status switch
    {
        AccessTokenStatus.Expired => "The access token has expired. Renew it.",
        AccessTokenStatus.NotYetValid => "The access token is not valid yet. Check the clock.",
        _ => "The access token is not valid. Log in again.",
    });

    public static Refusal TooLarge(long limit) => new(413, ErrorCodes.TooLarge, string.Create(CultureInfo.InvariantCulture, $"The request body is larger than {limit} bytes."));
}
