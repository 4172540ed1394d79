using System.Net;
using System.Net.Http.Headers;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Http;
using Chat.Cells.Http;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Accounts;

/// <summary>Asks other cells through their internal listeners, with the token they gave us. Every call has a time limit; a failure is a 503 to our caller.</summary>
public sealed partial class PeerCells : IDisposable
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(5);
    private readonly SecretsFolder secrets;
    private readonly ILogger<PeerCells> logger;
    private readonly HttpClient http = new(new ConnectionErrorHandler(new SocketsHttpHandler
    {
        ConnectTimeout = TimeSpan.FromSeconds(2),
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        AllowAutoRedirect = false,
        UseProxy = false,
    }))
    { Timeout = CallTimeout, MaxResponseContentBufferSize = 64 * 1024 };

    public PeerCells(SecretsFolder secrets, ILogger<PeerCells> logger)
    {
        this.secrets = secrets;
        this.logger = logger;
    }

    /// <summary>Whether the other cell gave the handle to this user.</summary>
    public async Task<bool> ClaimHandleAsync(CellEntry cell, string handle, string userId, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Post, cell, "internal/v1/handles/claims");
        request.Content = JsonContent.Create(new HandleClaimRequest(handle, userId), HttpJson.Default.HandleClaimRequest);
        using var response = await SendAsync(cell, request, cancellationToken);
        return response.StatusCode switch
        {
            HttpStatusCode.OK => true,
            HttpStatusCode.Conflict => false,
            var status => throw Unavailable(cell, $"it answered {(int)status}"),
        };
    }

    /// <summary>The profile of a user who lives in the other cell; null when there is no such user.</summary>
    public async Task<ProfileDocument?> FindProfileAsync(CellEntry cell, string userId, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, cell, $"internal/v1/users/{Uri.EscapeDataString(userId)}");
        using var response = await SendAsync(cell, request, cancellationToken);
        return response.StatusCode switch
        {
            HttpStatusCode.OK => await response.Content.ReadFromJsonAsync(HttpJson.Default.ProfileDocument, cancellationToken),
            HttpStatusCode.NotFound => null,
            var status => throw Unavailable(cell, $"it answered {(int)status}"),
        };
    }

    public void Dispose() => http.Dispose();

    private HttpRequestMessage Request(HttpMethod method, CellEntry cell, string path)
    {
        var token = secrets.Current.TokenTo(cell.Name) ?? throw Unavailable(cell, $"there is no secret to-{cell.Name}");
        var request = new HttpRequestMessage(method, new Uri(cell.Endpoints.Internal, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return request;
    }

    private async Task<HttpResponseMessage> SendAsync(CellEntry cell, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await http.SendAsync(request, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw Unavailable(cell, e.Message);
        }
    }

    private AccountException Unavailable(CellEntry cell, string reason)
    {
        LogUnavailable(cell.Name, reason);
        return new AccountException(503, ErrorCodes.CellUnavailable, $"Cell {cell.Name} can't be asked now. Try again.");
    }

    [LoggerMessage(200, LogLevel.Warning, "Cell {Cell} can't be asked: {Reason}.")]
    private partial void LogUnavailable(string cell, string reason);
}
