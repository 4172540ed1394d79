using System.Runtime.CompilerServices;
using System.Text.Json;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Kubernetes.Client;

public sealed partial class ResourceClient<T>
{
    /// <summary>
    /// One watch, over one connection: ends when the server ends it. Bookmarks are asked for and passed on. An ERROR event is thrown as
    /// <see cref="KubernetesException"/> (410 Gone: list again), a line that is not an event as <see cref="JsonException"/>, a broken connection as
    /// <see cref="IOException"/> or <see cref="HttpRequestException"/>. For a watch that goes on for ever use an informer.
    /// </summary>
    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync(string? ns, WatchOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        options ??= new WatchOptions();
        var query = new QueryText()
            .Add("watch", true)
            .Add("allowWatchBookmarks", true)
            .Add("labelSelector", options.LabelSelector)
            .Add("fieldSelector", options.FieldSelector)
            .Add("resourceVersion", options.ResourceVersion)
            .Add("timeoutSeconds", (long)Math.Max(1, options.Timeout.TotalSeconds));
        var path = Type.CollectionPath(ns) + query;
        // The server ends the watch; should it be gone without a trace, the client gives up half a minute later.
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var within = options.Timeout + TimeSpan.FromSeconds(30);
        deadline.CancelAfter(within);
        HttpResponseMessage response;
        try
        {
            response = await _client.SendAsync(HttpMethod.Get, path, null, null, within, deadline.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"watch {path}: no answer in time.", e);
        }
        using (response)
        {
            await using var stream = await response.Content.ReadAsStreamAsync(deadline.Token);
            using var reader = new StreamReader(stream);
            while (true)
            {
                string? line;
                try
                {
                    line = await reader.ReadLineAsync(deadline.Token);
                }
                catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
                {
                    throw new TimeoutException($"watch {path}: the server did not end it in time.", e);
                }
                if (line is null)
                {
                    yield break;
                }
                if (line.Length > 0)
                {
                    yield return Parse(line, path);
                }
            }
        }
    }

    private static WatchEvent<T> Parse(string line, string path)
    {
        var raw = JsonSerializer.Deserialize<RawEvent>(line, KubernetesJson.Options) ?? throw new JsonException("A watch event is null.");
        WatchEventType? type = raw.Type switch
        {
            "ADDED" => WatchEventType.Added,
            "MODIFIED" => WatchEventType.Modified,
            "DELETED" => WatchEventType.Deleted,
            "BOOKMARK" => WatchEventType.Bookmark,
            "ERROR" => null,
            _ => throw new JsonException($"A watch event of unknown type '{raw.Type}'."),
        };
        if (raw.Object.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("A watch event without object.");
        }
        if (type is null)
        {
            throw new KubernetesException($"watch {path}", raw.Object.Deserialize<ApiStatus>(KubernetesJson.Options) ?? new ApiStatus { Reason = "Unknown" });
        }
        return new WatchEvent<T>(type.Value, raw.Object.Deserialize<T>(KubernetesJson.Options) ?? throw new JsonException("A watch event without object."));
    }

    private sealed record RawEvent(string? Type, JsonElement Object);
}
