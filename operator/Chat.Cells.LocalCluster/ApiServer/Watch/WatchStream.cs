using System.Text;

namespace Chat.Cells.LocalCluster.ApiServer.Watch;

/// <summary>What a watch asks for.</summary>
/// <param name="Target">The kind, and the namespace or object.</param>
/// <param name="Labels">Label selector.</param>
/// <param name="Fields">Field selector.</param>
/// <param name="ResourceVersion">Where to begin; "" and "0" begin with the current objects.</param>
/// <param name="Bookmarks">Whether bookmarks are wanted.</param>
/// <param name="Timeout">When the watch ends by itself.</param>
/// <param name="Shape">How objects are shown.</param>
/// <param name="IncludeObject">What table rows carry.</param>
public sealed record WatchQuery(
    Target Target, Selector Labels, FieldSelector Fields, string ResourceVersion, bool Bookmarks, TimeSpan Timeout, Shape Shape, string IncludeObject);

/// <summary>Streams changes to one watcher: one JSON document per line.</summary>
internal sealed class WatchStream(ObjectStore store, LocalApiServerOptions options, WatchQuery query, HttpResponse response)
{
    private bool _columnsSent;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var snapshot = store.Read();
        ObjectReader.CheckNotFuture(query.ResourceVersion, snapshot.Version);
        var fromNow = query.ResourceVersion is "" or "0";
        var version = fromNow ? snapshot.Version : long.Parse(query.ResourceVersion, System.Globalization.CultureInfo.InvariantCulture);
        if (version < store.Changes.Oldest)
        {
            throw TooOld(version);
        }

        response.StatusCode = 200;
        response.ContentType = "application/json";
        await response.StartAsync(cancellationToken);
        if (fromNow)
        {
            foreach (var existing in snapshot.Objects.List(query.Target.Kind.Resource, query.Target.Namespace).Where(Matches))
            {
                await SendAsync("ADDED", existing, cancellationToken);
            }
        }

        await response.Body.FlushAsync(cancellationToken);
        await FollowAsync(version, cancellationToken);
    }

    private async Task FollowAsync(long version, CancellationToken cancellationToken)
    {
        var started = options.Time.GetTimestamp();
        var lastBookmark = started;
        var changes = new List<ObjectChange>();
        while (true)
        {
            changes.Clear();
            if (!store.Changes.TryRead(version, changes, out var next))
            {
                await SendLineAsync("ERROR", TooOld(version).ToStatus(), cancellationToken);
                await response.Body.FlushAsync(cancellationToken);
                return;
            }

            foreach (var change in changes)
            {
                await SendChangeAsync(change, cancellationToken);
                version = change.ResourceVersion;
            }

            var left = query.Timeout - options.Time.GetElapsedTime(started);
            var isOver = left <= TimeSpan.Zero;
            if (query.Bookmarks && (isOver || options.Time.GetElapsedTime(lastBookmark) >= options.BookmarkInterval))
            {
                lastBookmark = options.Time.GetTimestamp();
                await SendBookmarkAsync(version, cancellationToken);
            }

            await response.Body.FlushAsync(cancellationToken);
            if (isOver || IsNoLongerServed())
            {
                return;
            }

            var wait = query.Bookmarks && options.BookmarkInterval < left ? options.BookmarkInterval : left;
            using (var tick = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
            {
                await Task.WhenAny(next, Task.Delay(wait, options.Time, tick.Token));
                await tick.CancelAsync();
            }

            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    // When a CRD goes, its watches end, so that their clients look again and find out.
    private bool IsNoLongerServed() =>
        query.Target.Kind.IsCustom && store.Read().Objects.Get(new ObjectKey("customresourcedefinitions.apiextensions.k8s.io", "", query.Target.Kind.Resource)) is null;

    // What enters a selector appears, what leaves it is gone.
    private async Task SendChangeAsync(ObjectChange change, CancellationToken cancellationToken)
    {
        var key = change.Object.Key;
        var target = query.Target;
        if (key.Resource != target.Kind.Resource || (target.Kind.Namespaced && target.Namespace.Length > 0 && key.Namespace != target.Namespace))
        {
            return;
        }

        var before = change.Previous is not null && Matches(change.Previous);
        var after = change.Kind != ChangeKind.Deleted && Matches(change.Object);
        var type = (before, after) switch
        {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            _ => "",
        };
        if (type.Length > 0)
        {
            await SendAsync(type, change.Object, cancellationToken);
        }
    }

    private bool Matches(StoredObject value) =>
        (query.Target.Name.Length == 0 || value.Key.Name == query.Target.Name) && query.Labels.Matches(value.Labels) && query.Fields.Matches(value);

    private async Task SendAsync(string type, StoredObject value, CancellationToken cancellationToken)
    {
        if (query.Shape == Shape.Whole && ObjectWriter.IsShownAsStored(value, query.Target))
        {
            await response.Body.WriteAsync(Encoding.UTF8.GetBytes($"{{\"type\":\"{type}\",\"object\":"), cancellationToken);
            await response.Body.WriteAsync(value.Json, cancellationToken);
            await response.Body.WriteAsync("}\n"u8.ToArray(), cancellationToken);
            return;
        }

        var parsed = ObjectWriter.In(value.Parse(), query.Target);
        switch (query.Shape)
        {
            case Shape.Table:
                var metadata = new JsonObject { ["resourceVersion"] = value.ResourceVersion.ToString() };
                parsed = TableWriter.Write([parsed], query.Target.Version, metadata, query.IncludeObject, !_columnsSent, options.Time.GetUtcNow());
                _columnsSent = true;
                break;
            case Shape.Metadata:
                parsed = TableWriter.Partial(parsed);
                break;
        }

        await SendLineAsync(type, parsed, cancellationToken);
    }

    private Task SendBookmarkAsync(long version, CancellationToken cancellationToken)
    {
        var metadata = new JsonObject { ["resourceVersion"] = version.ToString() };
        return SendLineAsync(
            "BOOKMARK",
            query.Shape switch
            {
                Shape.Table => TableWriter.Write([], query.Target.Version, metadata, query.IncludeObject, false, options.Time.GetUtcNow()),
                Shape.Metadata => new JsonObject { ["kind"] = "PartialObjectMetadata", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = metadata },
                _ => new JsonObject { ["kind"] = query.Target.Kind.Kind, ["apiVersion"] = query.Target.ApiVersion, ["metadata"] = metadata },
            },
            cancellationToken);
    }

    private async Task SendLineAsync(string type, JsonObject value, CancellationToken cancellationToken)
    {
        var line = new JsonObject { ["type"] = type, ["object"] = value };
        await response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(line, JsonText.Options), cancellationToken);
        await response.Body.WriteAsync("\n"u8.ToArray(), cancellationToken);
    }

    private ApiException TooOld(long version) => ApiException.Expired($"too old resource version: {version} ({store.Changes.Oldest})");
}
