using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Http;

/// <summary>Keys, health, and what cells ask of each other about users.</summary>
public static class SystemEndpoints
{
    public static void MapKeys(this IEndpointRouteBuilder app) =>
        app.MapGet("/.well-known/jwks.json", (SecretsFolder secrets, HttpContext context) =>
        {
            context.Response.Headers.CacheControl = "public, max-age=60";
            return TypedResults.Ok(new JwksDocument([.. secrets.Current.Keys.Select(k => new JwkDocument(k.Kid, k.Public.Kty, k.Public.Crv, k.Public.X, k.Public.Y, "ES256", "sig"))]));
        }).WithName("GetKeys").WithSummary("The public keys that access tokens are signed with");

    /// <summary>Whether the process is alive; on the public listener, where the router asks, also whether it takes new connections.</summary>
    public static void MapLiveness(this IEndpointRouteBuilder app) =>
        app.MapGet("/healthz", (Drain drain, HttpContext context) =>
            drain.IsDraining && context.ListenerOf() == Listener.Public
                ? Results.Json(new HealthDocument("draining", null), HttpJson.Default.HealthDocument, statusCode: StatusCodes.Status503ServiceUnavailable)
                : TypedResults.Ok(new HealthDocument("alive", null))).ExcludeFromDescription();

    public static void MapReadiness(this IEndpointRouteBuilder app)
    {
        app.MapGet("/readyz", async (Readiness readiness, CancellationToken cancellationToken) =>
        {
            var (ready, checks) = await readiness.CheckAsync(cancellationToken);
            return Results.Json(
                new HealthDocument(ready ? "ready" : "not ready", checks), HttpJson.Default.HealthDocument, statusCode: ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
        }).ExcludeFromDescription();
    }

    public static void MapInternalUsers(this IEndpointRouteBuilder app)
    {
        app.MapPost("/internal/v1/handles/claims", async (HandleClaimRequest body, IAccountStore store, CurrentCellMap map, CellIdentity identity, HttpContext context) =>
        {
            if (!Handle.TryParse(body.Handle, out var handle) || map.Current?.HomeOf(body.UserId) is not { } home) return Problems.BadRequest("handle or userId is not one.");
            var caller = context.Features.Get<InternalCaller>()?.Cell;
            if (caller is not null && home.Name != caller) return Problems.Result(StatusCodes.Status403Forbidden, ErrorCodes.Forbidden, "A cell claims handles for its own users only.");
            if (map.Current.CellOfHandle(handle)?.Name != identity.Cell)
                return Problems.Result(StatusCodes.Status421MisdirectedRequest, ErrorCodes.Moved, "Another cell decides about this handle.", map.Current.CellOfHandle(handle)?.Name);
            return await store.ClaimHandleAsync(handle.ToString(), body.UserId, context.RequestAborted)
                ? TypedResults.Ok()
                : Problems.Result(StatusCodes.Status409Conflict, ErrorCodes.HandleTaken, "Another user holds this handle.");
        }).RequireInternal(InternalScope.Peer).ExcludeFromDescription();

        app.MapGet("/internal/v1/users/{userId}", async (string userId, IAccountStore store, CancellationToken cancellationToken) =>
            await store.FindAccountAsync(userId, cancellationToken) is { } account
                ? TypedResults.Ok(new ProfileDocument(account.UserId, account.Handle, account.DisplayName))
                : Problems.Result(StatusCodes.Status404NotFound, ErrorCodes.NotFound, "There is no such user.")).RequireInternal(InternalScope.Peer).ExcludeFromDescription();
    }
}
