using System.Text.Json;

namespace Chat.Cells.Client.Accounts;

/// <summary>What needs no session: signing up, logging in, renewing a session, asking the router for its cells.</summary>
public sealed class ChatAccounts(HttpClient http, Uri endpoint, TimeProvider? timeProvider = null)
{
    private readonly HttpTransport transport = new(http, endpoint, timeProvider ?? TimeProvider.System);

    /// <summary>Makes an account in a region. Never repeated by itself: when the answer is lost, log in to see whether it was made.</summary>
    /// <param name="region">For example <c>eu-west</c>.</param>
    /// <param name="name">The handle without its region: lower-case letters, digits, <c>._-</c>.</param>
    /// <param name="password">8 to 128 characters.</param>
    /// <param name="displayName">What others see.</param>
    /// <param name="device">This device.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ChatApiException">For example <c>handle_taken</c>.</exception>
    public async Task<Session> SignUpAsync(string region, string name, string password, string displayName, DeviceInfo device, CancellationToken cancellationToken)
    {
        var (_, session) = await transport.SendAsync(
            HttpMethod.Post,
            $"/v1/regions/{Uri.EscapeDataString(region)}/accounts",
            new SignUpRequest(name, password, displayName, device),
            HttpJson.Default.SignUpRequest,
            HttpJson.Default.Session,
            token: null,
            repeatable: false,
            cancellationToken);
        return session ?? throw new JsonException("The server answered sign-up with nothing.");
    }

    /// <summary>Logs a new device in, wherever the account's home is.</summary>
    /// <param name="handle">With its region: <c>anna@eu-west</c>.</param>
    /// <param name="password">The account's.</param>
    /// <param name="device">This device.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ChatApiException">For example <c>unauthorized</c>.</exception>
    public async Task<Session> LogInAsync(string handle, string password, DeviceInfo device, CancellationToken cancellationToken)
    {
        var (_, session) = await transport.SendAsync(
            HttpMethod.Post,
            $"/v1/handles/{Uri.EscapeDataString(handle)}/sessions",
            new LogInRequest(password, device),
            HttpJson.Default.LogInRequest,
            HttpJson.Default.Session,
            token: null,
            repeatable: true,
            cancellationToken);
        return session ?? throw new JsonException("The server answered log-in with nothing.");
    }

    /// <summary>Changes a refresh token for a new session.</summary>
    /// <exception cref="ChatApiException">401: the session is over.</exception>
    public async Task<Session> RefreshAsync(Session session, CancellationToken cancellationToken)
    {
        var (_, renewed) = await transport.SendAsync(
            HttpMethod.Post,
            $"/v1/users/{Uri.EscapeDataString(session.UserId)}/tokens",
            new RefreshRequest(session.RefreshToken),
            HttpJson.Default.RefreshRequest,
            HttpJson.Default.Session,
            token: null,
            repeatable: false,
            cancellationToken);
        return renewed ?? throw new JsonException("The server answered a renewal with nothing.");
    }

    /// <summary>The cells that the router knows, and its cell map's version.</summary>
    public async Task<(int Version, IReadOnlyList<CellStatus> Cells)> ListCellsAsync(CancellationToken cancellationToken)
    {
        var (_, list) = await transport.SendAsync<Problem, CellList>(HttpMethod.Get, "/v1/cells", null, null, HttpJson.Default.CellList, null, true, cancellationToken);
        return (list?.Version ?? 0, list?.Cells ?? []);
    }
}
