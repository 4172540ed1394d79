using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Chat.Cells.Operator.Observe;

/// <summary>Asks a cell how it is.</summary>
public interface ICellProbe
{
    /// <summary>The cell's own report; null when it can't be reached or answers nonsense.</summary>
    Task<CellReport?> ReadAsync(string internalUrl, byte[] token, CancellationToken cancellationToken);

    /// <summary>What one server of the cell says, ready or not; null when it can't be reached or answers nonsense.</summary>
    Task<ServerReport?> ReadServerAsync(string name, string internalUrl, byte[] token, CancellationToken cancellationToken);
}

/// <summary>Asks over HTTP, at the cell's internal endpoint.</summary>
public sealed partial class HttpCellProbe(HttpClient http, ILogger<HttpCellProbe> logger) : ICellProbe
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private static readonly IReadOnlyDictionary<string, string> NoChecks = new Dictionary<string, string>();

    /// <inheritdoc/>
    public async Task<CellReport?> ReadAsync(string internalUrl, byte[] token, CancellationToken cancellationToken)
    {
        var status = await AskAsync<Answer>(internalUrl + "/internal/v1/status", token, isErrorAnAnswer: false, cancellationToken);
        return status is { Users: { } users, Connections: { } connections } ? new CellReport(users, connections) : null;
    }

    /// <inheritdoc/>
    public async Task<ServerReport?> ReadServerAsync(string name, string internalUrl, byte[] token, CancellationToken cancellationToken)
    {
        // Of a server that is not ready the answer is 503, with what is the matter in it.
        var health = AskAsync<Health>(internalUrl + "/readyz", token: null, isErrorAnAnswer: true, cancellationToken);
        var report = ReadAsync(internalUrl, token, cancellationToken);
        return (await health)?.Checks is { } checks ? new ServerReport(name, await report, checks) : await report is { } own ? new ServerReport(name, own, NoChecks) : null;
    }

    private async Task<T?> AskAsync<T>(string url, byte[]? token, bool isErrorAnAnswer, CancellationToken cancellationToken)
        where T : class
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Patience);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", Encoding.ASCII.GetString(token));
            using var response = await http.SendAsync(request, deadline.Token);
            if (!isErrorAnAnswer)
            {
                response.EnsureSuccessStatusCode();
            }
            return await response.Content.ReadFromJsonAsync<T>(Json, deadline.Token);
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or IOException or NotSupportedException
                                  || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogUnreachable(url, e.Message);
            return null;
        }
    }

    [LoggerMessage(1, LogLevel.Debug, "The cell at {Url} can't be asked for its status: {Error}")]
    private partial void LogUnreachable(string url, string error);

    private sealed record Answer(long? Users, int? Connections);

    private sealed record Health(IReadOnlyDictionary<string, string>? Checks);
}
