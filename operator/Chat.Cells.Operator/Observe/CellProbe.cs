using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Chat.Cells.Operator.Observe;

/// <summary>Asks a cell how it is.</summary>
public interface ICellProbe
{
    /// <summary>The cell's own report; null when it can't be reached or answers nonsense.</summary>
    Task<CellReport?> ReadAsync(string internalUrl, byte[] token, CancellationToken cancellationToken);
}

/// <summary>Asks over HTTP, at the cell's internal endpoint.</summary>
public sealed partial class HttpCellProbe(HttpClient http, ILogger<HttpCellProbe> logger) : ICellProbe
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <inheritdoc/>
    public async Task<CellReport?> ReadAsync(string internalUrl, byte[] token, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Patience);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, internalUrl + "/internal/v1/status");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Encoding.ASCII.GetString(token));
            using var response = await http.SendAsync(request, deadline.Token);
            response.EnsureSuccessStatusCode();
            var status = await response.Content.ReadFromJsonAsync<Answer>(Json, deadline.Token);
            return status is { Users: { } users, Connections: { } connections } ? new CellReport(users, connections) : null;
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or IOException or NotSupportedException
                                  || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogUnreachable(internalUrl, e.Message);
            return null;
        }
    }

    [LoggerMessage(1, LogLevel.Debug, "The cell at {Url} can't be asked for its status: {Error}")]
    private partial void LogUnreachable(string url, string error);

    private sealed record Answer(long? Users, int? Connections);
}
