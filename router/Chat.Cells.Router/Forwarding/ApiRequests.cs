using System.Text.Json;
using Chat.Cells.Router.Guarding;
using Chat.Cells.Router.Health;
using Chat.Cells.Router.Hosting;
using Chat.Cells.Router.Routing;
using Chat.Cells.Topology;

namespace Chat.Cells.Router.Forwarding;

/// <summary>Everything under <c>/v1/</c>: origin, limits, route, caller, cell, forward; the first step that refuses answers.</summary>
internal sealed class ApiRequests(
    CellMapWatcher maps,
    AccessTokenVerifier tokens,
    CellResolver resolver,
    CellForwarder forwarder,
    HeldSockets held,
    CellHealth health,
    OriginPolicy origins,
    RouterMetrics metrics,
    RouterOptions options,
    TimeProvider time) : IDisposable
{
    private readonly AddressLimits signUps = new(options.SignUpsPerMinute);
    private readonly AddressLimits logIns = new(options.LogInsPerMinute);

    public void Dispose()
    {
        signUps.Dispose();
        logIns.Dispose();
    }

    public async Task HandleAsync(HttpContext context)
    {
        context.Response.Headers.XContentTypeOptions = "nosniff";
        var refusal = await ServeAsync(context);
        if (refusal is null || context.Response.HasStarted) return;
        metrics.Refused(refusal.Code);
        await Problems.WriteAsync(context, refusal);
    }

    private async Task<Refusal?> ServeAsync(HttpContext context)
    {
        if (!origins.Admit(context)) return Refusal.ForeignOrigin;
        if (OriginPolicy.AnswerPreflight(context)) return null;
        var path = context.Request.Path.Value ?? "";
        var route = ApiRoute.Match(context.Request.Method, path);
        if (route.Kind == RouteKind.NotFound) return Refusal.NoSuchPath;
        if (maps.Current is not { } map) return Refusal.NoMap;
        if (route.Kind == RouteKind.CellTable) return await WriteCellsAsync(context, map);
        if (context.Request.ContentLength > options.MaxBodyBytes) return Refusal.TooLarge(options.MaxBodyBytes);
        if (!route.NeedsToken && route.Kind != RouteKind.AnyCell && !(route.Kind == RouteKind.SignUp ? signUps : logIns).TryTake(context.Connection.RemoteIpAddress))
            return Refusal.TooManyAttempts;

        AccessTokenResult caller = default;
        if (route.NeedsToken)
        {
            if (Credentials.BearerToken(context.Request.Headers) is { } token)
            {
                caller = await tokens.VerifyAsync(token);
                // A cell that is not in the map may be one that this map is too old for: nothing that a new log-in would mend.
                if (caller.Status == AccessTokenStatus.UnknownIssuer) return Refusal.UnknownCell;
                if (!caller.IsValid) return Refusal.BadToken(caller.Status);
            }
            else if (route.Kind != RouteKind.Socket || context.Request.Headers.Authorization.Count > 0)
            {
                return Refusal.NoToken;
            }
        }

        var started = time.GetTimestamp();
        var destination = Resolve(context, map, route, path, caller.Token);
        if (destination.Cell is not { } cell)
        {
            if (route.Kind != RouteKind.Socket || destination.Down is not { } down || !await held.UntilUpAsync(context, down, started, isProven: caller.Token is not null)) return destination.Refusal;
            cell = down;
        }
        CellTransformer.StripForgedHeaders(context.Request.Headers);
        return await forwarder.ForwardAsync(context, cell, started, isProven: caller.Token is not null);
    }

    private Destination Resolve(HttpContext context, CellMap map, ApiRoute route, string path, AccessToken? caller)
    {
        if (caller is not null || route.Kind != RouteKind.Socket) return resolver.Resolve(map, route, path, caller?.UserId);
        return Credentials.TryGetTicketUser(context.Request.Headers.SecWebSocketProtocol, out var userId) ? resolver.Resolve(map, route, path, userId) : Refusal.NoToken;
    }

    private async Task<Refusal?> WriteCellsAsync(HttpContext context, CellMap map)
    {
        var table = new CellTable(map.Version, [.. map.Cells.Select(c => new CellRow(c.Name, c.Region, c.State, health.IsUp(c)))]);
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        if (!HttpMethods.IsHead(context.Request.Method)) await JsonSerializer.SerializeAsync(context.Response.Body, table, RouterJson.Default.CellTable, context.RequestAborted);
        return null;
    }
}
