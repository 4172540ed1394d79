using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Http;

/// <summary>The user who asks, from a verified access token and from nothing else. A feature of the request.</summary>
public sealed record Caller(string UserId, string DeviceId, DateTimeOffset ExpiresAt)
{
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult(context.Features.Get<Caller>());
}

/// <summary>Who may call a public endpoint.</summary>
public enum UserAccess
{
    /// <summary>Users whose home is this cell; others get 421 with their home.</summary>
    Home,

    /// <summary>Users of any cell.</summary>
    Any,
}

/// <summary>Verifies the tokens of callers, of users and of servers.</summary>
public static class CallerAuthentication
{
    public static TBuilder RequireUser<TBuilder>(this TBuilder builder, UserAccess access = UserAccess.Home)
        where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new UserMetadata(access));

    public static IApplicationBuilder UseCallerAuthentication(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        var endpoint = context.GetEndpoint();
        if (endpoint?.Metadata.GetMetadata<UserMetadata>() is { } user) return AfterAsync(AuthenticateUserAsync(context, user.Access), context, next);
        if (IsInternal(context, endpoint)) return AfterAsync(AuthenticateServerAsync(context, endpoint), context, next);
        // Nothing waits here for a socket's end: that would cost each socket some memory.
        return next(context);
    });

    private static async Task AfterAsync(Task<bool> authentication, HttpContext context, RequestDelegate next)
    {
        if (await authentication) await next(context);
    }

    /// <summary>The token of an <c>Authorization: Bearer</c> header; null when there is none.</summary>
    public static string? BearerToken(HttpRequest request)
    {
        var header = request.Headers.Authorization;
        return header.Count == 1 && header[0] is { } text && text.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? text["Bearer ".Length..].Trim() : null;
    }

    // Routes match in any case, so the endpoint decides; the path only for what is mapped without saying who may call it.
    private static bool IsInternal(HttpContext context, Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<InternalAccess>() is not null || context.Request.Path.StartsWithSegments("/internal", StringComparison.OrdinalIgnoreCase);

    private static async Task<bool> AuthenticateUserAsync(HttpContext context, UserAccess access)
    {
        var services = context.RequestServices;
        var result = await services.GetRequiredService<AccessTokenVerifier>().VerifyAsync(BearerToken(context.Request));
        if (!result.IsValid)
        {
            await Problems.WriteAsync(context, StatusCodes.Status401Unauthorized, ErrorCodes.Unauthorized, "A valid access token is needed.");
            return false;
        }
        var token = result.Token;
        var home = services.GetRequiredService<CurrentCellMap>().Current?.HomeOf(token.UserId)?.Name;
        var here = home == services.GetRequiredService<CellIdentity>().Cell;
        if (!here && access == UserAccess.Home)
        {
            await Problems.WriteAsync(context, StatusCodes.Status421MisdirectedRequest, ErrorCodes.Moved, "The user lives in another cell.", home);
            return false;
        }
        if (here && await services.GetRequiredService<IAccountStore>().FindDeviceAsync(token.UserId, token.DeviceId, context.RequestAborted) is null)
        {
            await Problems.WriteAsync(context, StatusCodes.Status401Unauthorized, ErrorCodes.Unauthorized, "The device is logged out.");
            return false;
        }
        context.Features.Set(new Caller(token.UserId, token.DeviceId, token.ExpiresAt));
        return true;
    }

    private static async Task<bool> AuthenticateServerAsync(HttpContext context, Endpoint? endpoint)
    {
        var caller = BearerToken(context.Request) is { } token ? context.RequestServices.GetRequiredService<SecretsFolder>().Current.Identify(token) : null;
        if (caller is null)
        {
            await Problems.WriteAsync(context, StatusCodes.Status401Unauthorized, ErrorCodes.Unauthorized, "A server's token is needed.");
            return false;
        }
        if (!Allows(endpoint?.Metadata.GetMetadata<InternalAccess>(), caller, context))
        {
            await Problems.WriteAsync(context, StatusCodes.Status403Forbidden, ErrorCodes.Forbidden, "This token doesn't open this endpoint.");
            return false;
        }
        context.Features.Set(caller);
        return true;
    }

    private static bool Allows(InternalAccess? access, InternalCaller caller, HttpContext context)
    {
        if (access is null) return false;
        if (caller.Scope == InternalScope.Full) return true;
        if (caller.Scope != access.Scope) return false;
        return access.RouteParameter is null || string.Equals(context.GetRouteValue(access.RouteParameter) as string, caller.Cell, StringComparison.Ordinal);
    }

    private sealed record UserMetadata(UserAccess Access);
}
