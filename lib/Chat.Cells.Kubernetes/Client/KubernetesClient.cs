using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Chat.Cells.Http;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Kubernetes.Client;

/// <summary>
/// A client of one API server. Thread-safe; one per process is enough. <see cref="Of{T}()"/> gives the operations of a kind.
/// A request that the server puts off (429 or 503 with <c>Retry-After</c>) is sent again, at most <see cref="MaxAttempts"/> times and within the request's own time;
/// after that <see cref="KubernetesException.RetryAfter"/> says when to come again;
/// an answer of 401 makes the credential be fetched again, once.
/// </summary>
public sealed class KubernetesClient : IDisposable
{
    /// <summary>How often a request is sent at most when the server answers Retry-After (as client-go).</summary>
    public const int MaxAttempts = 10;

    private readonly HttpClient _http;
    private readonly IDisposable? _transport;
    private readonly ITokenSource? _tokens;
    private readonly TimeProvider _time;
    private readonly TimeSpan _timeout;

    /// <summary>Makes a client.</summary>
    /// <param name="configuration">Server and credential.</param>
    /// <param name="time">Clock for credentials' expiry and Retry-After; the system's by default.</param>
    /// <param name="wrap">Puts a handler around the connection, to count or to disturb requests.</param>
    public KubernetesClient(ClientConfiguration configuration, TimeProvider? time = null, Func<HttpMessageHandler, HttpMessageHandler>? wrap = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Configuration = configuration;
        _time = time ?? TimeProvider.System;
        _timeout = configuration.Timeout;
        _tokens = configuration.Tokens;
        var transport = new ConnectionErrorHandler(Transport.Create(configuration));
        _transport = transport;
        _http = new HttpClient(wrap?.Invoke(transport) ?? transport, disposeHandler: true)
        {
            BaseAddress = configuration.Server,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("chat-cells/0.1");
    }

    /// <summary>What the client was made from.</summary>
    public ClientConfiguration Configuration { get; }

    /// <summary>Operations on the kind that <typeparamref name="T"/> stands for.</summary>
    public ResourceClient<T> Of<T>()
        where T : class, IKubernetesObject => new(this, ResourceType.Of<T>());

    /// <summary>Operations on any kind, as JSON trees.</summary>
    public ResourceClient<Unstructured> Of(ResourceType type) => new(this, type);

    /// <summary>Server version, kinds and their plurals.</summary>
    public DiscoveryClient Discovery => new(this);

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        _transport?.Dispose();
    }

    /// <summary>Sends one request and reads the answer as <typeparamref name="T"/>.</summary>
    internal async Task<T> SendAsync<T>(HttpMethod method, string path, byte[]? body, string? contentType, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_timeout);
        try
        {
            using var response = await SendAsync(method, path, body, contentType, _timeout, deadline.Token);
            var bytes = await response.Content.ReadAsByteArrayAsync(deadline.Token);
            return JsonSerializer.Deserialize<T>(bytes, KubernetesJson.Options)
                ?? throw new JsonException("The API server answered null.");
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{method} {path}: no answer from {Configuration.Server} within {_timeout.TotalSeconds:0} s.", e);
        }
        catch (JsonException e)
        {
            throw new HttpRequestException($"{method} {path}: the API server's answer is not the JSON expected: {e.Message}", e);
        }
    }

    /// <summary>Sends one request; the answer is a success and its body not yet read. The caller bounds the time, <paramref name="within"/>: a wait that would outlast it is not begun.</summary>
    internal async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, byte[]? body, string? contentType, TimeSpan within, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var freshCredential = false;
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            // The handler takes the name for SNI and for the certificate from the Host header.
            request.Headers.Host = Configuration.TlsServerName;
            if (body is not null)
            {
                request.Content = new ByteArrayContent(body);
                request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType ?? "application/json");
            }
            if (_tokens is not null && await _tokens.GetAsync(_time, freshCredential, cancellationToken) is { } token)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (response.IsSuccessStatusCode)
            {
                return response;
            }
            using (response)
            {
                var retryAfter = RetryAfter(response);
                if (response.StatusCode == HttpStatusCode.Unauthorized && _tokens is not null && !freshCredential)
                {
                    freshCredential = true;
                    continue;
                }
                var putOff = response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable && retryAfter is not null;
                if (!putOff || attempt >= MaxAttempts || _time.GetElapsedTime(started) + retryAfter >= within)
                {
                    throw new KubernetesException($"{method} {path}", await ReadStatusAsync(response, cancellationToken), retryAfter);
                }
                await Task.Delay(retryAfter!.Value, _time, cancellationToken);
            }
        }
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        var value = response.Headers.RetryAfter?.Delta ?? (response.Headers.RetryAfter?.Date - _time.GetUtcNow());
        return value is { } wait ? TimeSpan.FromTicks(Math.Clamp(wait.Ticks, 0, KubernetesException.LongestRetryAfter.Ticks)) : null;
    }

    private static async Task<ApiStatus> ReadStatusAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        var code = (int)response.StatusCode;
        try
        {
            if (text.StartsWith('{') && KubernetesJson.Parse<ApiStatus>(text) is { Kind: "Status" } status)
            {
                return status with { Code = status.Code ?? code };
            }
        }
        catch (JsonException e)
        {
            return new ApiStatus { Status = "Failure", Code = code, Reason = response.StatusCode.ToString(), Message = $"an answer that is not a Status: {e.Message}" };
        }
        var shown = text.Length > 500 ? text[..500] : text;
        return new ApiStatus { Status = "Failure", Code = code, Reason = response.StatusCode.ToString(), Message = shown.Length == 0 ? response.ReasonPhrase : shown.Trim() };
    }
}
