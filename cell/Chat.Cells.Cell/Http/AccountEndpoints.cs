using Chat.Cells.Cell.Accounts;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Http;

/// <summary>Sign-up, sessions, devices, profiles, contacts.</summary>
public static class AccountEndpoints
{
    private const int MaxContacts = 5_000;

    // What can't be anybody shares one limit, so that inventing names neither escapes it nor fills memory with limits.
    private const string NobodysKey = "-";

    public static void MapAccounts(this IEndpointRouteBuilder app)
    {
        app.MapPost("/v1/regions/{region}/accounts", async (string region, SignUpRequest body, AccountService accounts, HttpContext context) =>
            TypedResults.Created((string?)null, await accounts.SignUpAsync(region, body, AddressOf(context), context.RequestAborted)))
            .WithName("SignUp").WithSummary("Sign up in a region").ProducesProblems(400, 404, 409, 429, 503);

        app.MapPost("/v1/handles/{handle}/sessions", LogInByHandleAsync)
            .WithName("LogInByHandle").WithSummary("Log in by handle; 307 when the user lives in another cell").Produces<SessionDocument>(201).ProducesProblems(400, 401, 429, 503);

        app.MapPost("/v1/users/{userId}/sessions", async (string userId, LoginRequest body, AccountService accounts, HttpContext context) =>
            MovedFrom(context, userId) ?? TypedResults.Created((string?)null, await accounts.LogInAsync(userId, UserId.IsValid(userId) ? userId : NobodysKey, body, AddressOf(context), context.RequestAborted)))
            .WithName("LogIn").WithSummary("Log in by user id").Produces<SessionDocument>(201).ProducesProblems(400, 401, 421, 429, 503);

        app.MapPost("/v1/users/{userId}/tokens", async (string userId, RefreshRequest body, AccountService accounts, HttpContext context) =>
            MovedFrom(context, userId) ?? TypedResults.Ok(await accounts.RefreshAsync(userId, body.RefreshToken, context.RequestAborted)))
            .WithName("RefreshTokens").WithSummary("Exchange a refresh token; a used one revokes the device").Produces<SessionDocument>().ProducesProblems(400, 401, 421, 503);

        app.MapPost("/v1/tickets", async (Caller caller, Tickets tickets, CancellationToken cancellationToken) =>
        {
            var (ticket, expiresAt) = await tickets.CreateAsync(caller.UserId, caller.DeviceId, caller.ExpiresAt, cancellationToken);
            return TypedResults.Created((string?)null, new TicketDocument(ticket, expiresAt.ToUnixTimeMilliseconds()));
        }).RequireUser().WithName("CreateTicket").WithSummary("A one-use ticket for a browser's WebSocket").ProducesProblems(401, 421);

        app.MapDelete("/v1/sessions/current", async (Caller caller, AccountService accounts, CancellationToken cancellationToken) =>
        {
            await accounts.RemoveDeviceAsync(caller.UserId, caller.DeviceId, cancellationToken);
            return TypedResults.NoContent();
        }).RequireUser().WithName("LogOut").WithSummary("Log this device out").ProducesProblems(401, 421);

        app.MapGet("/v1/me", async (Caller caller, IAccountStore store, CancellationToken cancellationToken) =>
            await store.FindAccountAsync(caller.UserId, cancellationToken) is { } account ? TypedResults.Ok(Profile(account)) : NoUser())
            .RequireUser().WithName("GetMe").WithSummary("The caller's profile").Produces<ProfileDocument>().ProducesProblems(401, 421);

        app.MapGet("/v1/devices", async (Caller caller, IAccountStore store, CancellationToken cancellationToken) =>
        {
            var devices = await store.ListDevicesAsync(caller.UserId, cancellationToken);
            return TypedResults.Ok(new DevicesDocument(
                [.. devices.Select(d => new DeviceInfoDocument(d.DeviceId, d.Name, d.Kind, d.CreatedAt, d.LastSeenAt, d.DeviceId == caller.DeviceId))]));
        }).RequireUser().WithName("ListDevices").WithSummary("The caller's devices").ProducesProblems(401, 421);

        app.MapDelete("/v1/devices/{deviceId}", async (string deviceId, Caller caller, AccountService accounts, CancellationToken cancellationToken) =>
        {
            await accounts.RemoveDeviceAsync(caller.UserId, deviceId, cancellationToken);
            return TypedResults.NoContent();
        }).RequireUser().WithName("RemoveDevice").WithSummary("Log a device out").ProducesProblems(401, 421);

        app.MapGet("/v1/users/{userId}", async (string userId, ProfileReader profiles, HttpContext context) =>
            MovedFrom(context, userId) ?? (await profiles.FindAsync(userId, context.RequestAborted) is { } profile ? TypedResults.Ok(profile) : NoUser())).RequireUser(UserAccess.Any).WithName("GetUser").WithSummary("A user's profile").Produces<ProfileDocument>().ProducesProblems(401, 404, 421);

        app.MapGet("/v1/handles/{handle}", async (string handle, AccountService accounts, ProfileReader profiles, CancellationToken cancellationToken) =>
            await accounts.FindHandleAsync(handle, cancellationToken) is { } userId && await profiles.FindAsync(userId, cancellationToken) is { } profile
                ? TypedResults.Ok(profile)
                : NoUser())
            .RequireUser(UserAccess.Any).WithName("GetHandle").WithSummary("The user who holds a handle").Produces<ProfileDocument>().ProducesProblems(401, 404, 503);

        app.MapGet("/v1/contacts", async (Caller caller, IAccountStore store, ProfileReader profiles, CancellationToken cancellationToken) =>
        {
            var userIds = await store.ListContactsAsync(caller.UserId, cancellationToken);
            var found = await profiles.FindManyAsync([.. userIds], cancellationToken);
            return TypedResults.Ok(new ContactsDocument([.. userIds.Zip(found, (userId, profile) => new ContactDocument(userId, profile?.Handle, profile?.DisplayName))]));
        }).RequireUser().WithName("ListContacts").WithSummary("The caller's contacts").ProducesProblems(401, 421);

        app.MapPut("/v1/contacts/{userId}", async (string userId, Caller caller, IAccountStore store, CancellationToken cancellationToken) =>
        {
            if (!UserId.IsValid(userId) || userId == caller.UserId) return Problems.BadRequest("userId: another user's id.");
            if ((await store.ListContactsAsync(caller.UserId, cancellationToken)).Count >= MaxContacts) return Problems.BadRequest($"At most {MaxContacts} contacts.");
            await store.PutContactAsync(caller.UserId, userId, cancellationToken);
            return TypedResults.NoContent();
        }).RequireUser().WithName("PutContact").WithSummary("Add a contact").Produces(204).ProducesProblems(400, 401, 421);

        app.MapDelete("/v1/contacts/{userId}", async (string userId, Caller caller, IAccountStore store, CancellationToken cancellationToken) =>
        {
            await store.RemoveContactAsync(caller.UserId, userId, cancellationToken);
            return TypedResults.NoContent();
        }).RequireUser().WithName("RemoveContact").WithSummary("Remove a contact").ProducesProblems(401, 421);
    }

    /// <summary>Says in the OpenAPI document which problem documents an endpoint answers with.</summary>
    internal static RouteHandlerBuilder ProducesProblems(this RouteHandlerBuilder builder, params ReadOnlySpan<int> statuses)
    {
        foreach (var status in statuses) builder.Produces<ProblemDocument>(status, Problems.ContentType);
        return builder;
    }

    private static async Task<IResult> LogInByHandleAsync(
        string handle, LoginRequest body, AccountService accounts, CellIdentity identity, CurrentCellMap map, HttpContext context)
    {
        var userId = await accounts.FindHandleAsync(handle, context.RequestAborted);
        if (userId is not null && map.Current?.HomeOf(userId) is { } home && home.Name != identity.Cell)
        {
            context.Response.Headers.Location = $"/v1/users/{userId}/sessions";
            return TypedResults.StatusCode(StatusCodes.Status307TemporaryRedirect);
        }
        var key = Handle.TryParse(handle, out var parsed) ? parsed.ToString() : NobodysKey;
        return TypedResults.Created((string?)null, await accounts.LogInAsync(userId, key, body, AddressOf(context), context.RequestAborted));
    }

    /// <summary>The answer for a user who lives in another cell; null when here or nowhere.</summary>
    private static IResult? MovedFrom(HttpContext context, string userId) =>
        context.RequestServices.GetRequiredService<CurrentCellMap>().Current?.HomeOf(userId) is { } home && home.Name != context.RequestServices.GetRequiredService<CellIdentity>().Cell
            ? Problems.Result(StatusCodes.Status421MisdirectedRequest, ErrorCodes.Moved, "The user lives in another cell.", home.Name)
            : null;

    private static IResult NoUser() => Problems.Result(StatusCodes.Status404NotFound, ErrorCodes.NotFound, "There is no such user.");

    private static ProfileDocument Profile(AccountRow account) => new(account.UserId, account.Handle, account.DisplayName);

    /// <summary>The client's address as the nearest proxy saw it. Only slows guessing down; nothing is granted by it.</summary>
    private static string AddressOf(HttpContext context)
    {
        var forwarded = context.Request.Headers["X-Forwarded-For"].ToString();
        var last = forwarded[(forwarded.LastIndexOf(',') + 1)..].Trim();
        return $"{context.Connection.RemoteIpAddress}/{(last.Length <= 64 ? last : last[..64])}";
    }
}
