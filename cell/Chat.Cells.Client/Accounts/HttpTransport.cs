using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Chat.Cells.Client.Connections;

namespace Chat.Cells.Client.Accounts;

/// <summary>JSON over HTTP: problem documents become <see cref="ChatApiException"/>; what may be repeated is repeated while the server can't be reached or says 502 to 504.</summary>
internal sealed class HttpTransport(HttpClient http, Uri endpoint, TimeProvider time)
{
    private const int Attempts = 5;
    private const int MaxRedirects = 3;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    /// <param name="repeatable">Doing it twice is doing it once.</param>
    public async Task<(HttpStatusCode Status, TResponse? Body)> SendAsync<TRequest, TResponse>(
        HttpMethod method,
        string path,
        TRequest? body,
        JsonTypeInfo<TRequest>? bodyType,
        JsonTypeInfo<TResponse>? responseType,
        string? token,
        bool repeatable,
        CancellationToken cancellationToken)
        where TRequest : class
        where TResponse : class
    {
        var bytes = body is null ? null : JsonSerializer.SerializeToUtf8Bytes(body, bodyType!);
        var backoff = new Backoff(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(8));
        for (var attempt = 1; ; attempt++)
        {
            TimeSpan wait;
            try
            {
                using var response = await ExchangeAsync(method, path, bytes, token, cancellationToken);
                if (response.IsSuccessStatusCode)
                {
                    if (responseType is null || response.StatusCode == HttpStatusCode.NoContent) return (response.StatusCode, null);
                    var content = await response.Content.ReadAsByteArrayAsync(cancellationToken);
                    return (response.StatusCode, content.Length == 0 ? null : JsonSerializer.Deserialize(content, responseType));
                }
                var error = await ReadErrorAsync(response, cancellationToken);
                if (!repeatable || attempt >= Attempts || !IsPassing(response.StatusCode)) throw error;
                wait = error.RetryAfter ?? backoff.Next();
            }
            catch (Exception e) when (IsUnreachable(e, cancellationToken) && repeatable && attempt < Attempts)
            {
                wait = backoff.Next();
            }
            await Task.Delay(wait > TimeSpan.FromSeconds(30) ? TimeSpan.FromSeconds(30) : wait, time, cancellationToken);
        }
    }

    public static TimeSpan? RetryAfterOf(RetryConditionHeaderValue? header, TimeProvider time)
    {
        var wait = header?.Delta ?? (header?.Date - time.GetUtcNow());
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    private static bool IsPassing(HttpStatusCode status) =>
        status is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout or HttpStatusCode.TooManyRequests;

    private static bool IsUnreachable(Exception e, CancellationToken cancellationToken) =>
        !cancellationToken.IsCancellationRequested && e is HttpRequestException or TimeoutException or IOException;

    private async Task<HttpResponseMessage> ExchangeAsync(HttpMethod method, string path, byte[]? body, string? token, CancellationToken cancellationToken)
    {
        var target = new Uri(endpoint, path);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Timeout);
        try
        {
            for (var hop = 0; ; hop++)
            {
                using var request = new HttpRequestMessage(method, target);
                if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                if (body is not null)
                {
                    request.Content = new ByteArrayContent(body);
                    request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                }
                var response = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, timeout.Token);
                if (response.StatusCode is not (HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect) || response.Headers.Location is not { } location)
                {
                    return response;
                }
                response.Dispose();
                var next = new Uri(target, location);
                // A body may hold a password: it follows a redirect only to where it was sent in the first place.
                if (hop >= MaxRedirects || !SameOrigin(next, endpoint))
                {
                    throw new ChatApiException(HttpStatusCode.TemporaryRedirect, null, $"Redirected to {next.GetLeftPart(UriPartial.Authority)}, which is not followed.");
                }
                target = next;
            }
        }
        catch (SocketException e)
        {
            // What SocketsHttpHandler makes of a connection that is reset the moment it is made. Here and not in a handler: the client may be the application's own.
            throw new HttpRequestException(HttpRequestError.ConnectionError, e.Message, e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"No answer from {endpoint.GetLeftPart(UriPartial.Authority)} within {Timeout.TotalSeconds} s.", e);
        }
    }

    private static bool SameOrigin(Uri a, Uri b) => Uri.Compare(a, b, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private async Task<ChatApiException> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var retryAfter = RetryAfterOf(response.Headers.RetryAfter, time);
        Problem? problem = null;
        try
        {
            var bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            if (bytes.Length > 0) problem = JsonSerializer.Deserialize(bytes, HttpJson.Default.Problem);
        }
        catch (JsonException)
        {
            problem = null; // Not a problem document, as from a proxy in between: the status says enough.
        }
        if (problem?.RetryAfter is >= 0 and var milliseconds) retryAfter = TimeSpan.FromMilliseconds(Math.Min(milliseconds, 120_000));
        var text = problem?.Detail ?? problem?.Title ?? response.ReasonPhrase ?? "The request was refused.";
        return new ChatApiException(response.StatusCode, problem?.Code, $"{(int)response.StatusCode} {problem?.Code}: {text}", retryAfter, problem?.Home);
    }
}
