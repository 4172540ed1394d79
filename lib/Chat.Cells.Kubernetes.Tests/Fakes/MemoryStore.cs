using System.Globalization;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;

namespace Chat.Cells.Kubernetes.Tests.Fakes;

/// <summary>Enough of an API server's storage for the runtime's tests: any path, versions, conflicts, merge patches, finalizers, watches from now on.</summary>
public sealed class MemoryStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, JsonObject> _objects = [];
    private readonly List<(string Collection, Channel<string> Events)> _watches = [];
    private long _version = 100;

    public JsonObject? this[string path]
    {
        get
        {
            lock (_lock)
            {
                return _objects.TryGetValue(path, out var value) ? value.DeepClone().AsObject() : null;
            }
        }
    }

    public IReadOnlyList<JsonObject> Under(string collection)
    {
        lock (_lock)
        {
            return [.. _objects.Where(o => Collection(o.Key) == collection).Select(o => o.Value.DeepClone().AsObject())];
        }
    }

    public void Put(string collection, string json)
    {
        lock (_lock)
        {
            var value = JsonNode.Parse(json)!.AsObject();
            Save($"{collection}/{value["metadata"]!["name"]}", value);
        }
    }

    public async Task HandleAsync(HttpContext context, Seen seen)
    {
        if (seen.Query.Contains("watch=true", StringComparison.Ordinal))
        {
            await WatchAsync(context, seen);
            return;
        }
        int code;
        JsonNode answer;
        lock (_lock)
        {
            (code, answer) = Handle(seen);
        }
        await context.JsonAsync(answer.ToJsonString(), code);
    }

    private static string Collection(string path) => path[..path.LastIndexOf('/')];

    private static (int Code, JsonNode Body) Failure(int code, string reason) =>
        (code, new JsonObject { ["kind"] = "Status", ["status"] = "Failure", ["reason"] = reason, ["message"] = reason, ["code"] = code });

    private (int Code, JsonNode Body) Handle(Seen seen)
    {
        var path = seen.Path.EndsWith("/status", StringComparison.Ordinal) ? Collection(seen.Path) : seen.Path;
        if (seen.Method == "POST")
        {
            var value = JsonNode.Parse(seen.Body)!.AsObject();
            var target = $"{path}/{value["metadata"]!["name"]}";
            return _objects.ContainsKey(target) ? Failure(409, "AlreadyExists") : (201, Save(target, value));
        }
        if (!_objects.TryGetValue(path, out var current))
        {
            // /api/v1/x and /apis/g/v/x are collections; one segment more is an object.
            var isCollection = (path.Split('/').Length % 2 == 0) == path.StartsWith("/api/", StringComparison.Ordinal);
            return isCollection && seen.Method == "GET" ? (200, List(path)) : Failure(404, "NotFound");
        }
        switch (seen.Method)
        {
            case "GET":
                return (200, current.DeepClone());
            case "PUT":
                var next = JsonNode.Parse(seen.Body)!.AsObject();
                return Stale(next, current) ? Failure(409, "Conflict") : (200, Save(path, next));
            case "PATCH":
                var patch = JsonNode.Parse(seen.Body)!.AsObject();
                if (Stale(patch, current))
                {
                    return Failure(409, "Conflict");
                }
                var merged = current.DeepClone().AsObject();
                Merge(merged, patch);
                return (200, Save(path, merged));
            default:
                if (current["metadata"]!["finalizers"] is JsonArray { Count: > 0 })
                {
                    var dying = current.DeepClone().AsObject();
                    dying["metadata"]!["deletionTimestamp"] = "2026-01-01T00:00:00Z";
                    return (200, Save(path, dying));
                }
                _objects.Remove(path);
                Publish("DELETED", path, current);
                return (200, new JsonObject { ["kind"] = "Status", ["status"] = "Success" });
        }
    }

    private static bool Stale(JsonObject next, JsonObject current) =>
        next["metadata"]?["resourceVersion"] is { } version && version.GetValue<string>() != current["metadata"]!["resourceVersion"]!.GetValue<string>();

    private JsonObject List(string collection) => new()
    {
        ["kind"] = "List",
        ["metadata"] = new JsonObject { ["resourceVersion"] = _version.ToString(CultureInfo.InvariantCulture) },
        ["items"] = new JsonArray([.. _objects.Where(o => Collection(o.Key) == collection).Select(o => o.Value.DeepClone())]),
    };

    private JsonNode Save(string path, JsonObject value)
    {
        var metadata = value["metadata"]!.AsObject();
        metadata["resourceVersion"] = (++_version).ToString(CultureInfo.InvariantCulture);
        metadata["uid"] ??= $"uid-{_version}";
        var isNew = !_objects.ContainsKey(path);
        if (metadata["deletionTimestamp"] is not null && metadata["finalizers"] is not JsonArray { Count: > 0 })
        {
            _objects.Remove(path);
            Publish("DELETED", path, value);
        }
        else
        {
            _objects[path] = value;
            Publish(isNew ? "ADDED" : "MODIFIED", path, value);
        }
        return value.DeepClone();
    }

    private static void Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is null)
            {
                target.Remove(name);
            }
            else if (value is JsonObject inner && target[name] is JsonObject existing)
            {
                Merge(existing, inner);
            }
            else
            {
                target[name] = value.DeepClone();
            }
        }
    }

    private void Publish(string type, string path, JsonObject value)
    {
        foreach (var (collection, events) in _watches)
        {
            if (collection == Collection(path))
            {
                events.Writer.TryWrite($$"""{"type":"{{type}}","object":{{value.ToJsonString()}}}""" + "\n");
            }
        }
    }

    private async Task WatchAsync(HttpContext context, Seen seen)
    {
        var events = Channel.CreateUnbounded<string>();
        var from = long.Parse(context.Request.Query["resourceVersion"].FirstOrDefault() ?? "0", CultureInfo.InvariantCulture);
        lock (_lock)
        {
            // Whatever changed between the list and this watch.
            foreach (var (path, value) in _objects)
            {
                if (Collection(path) == seen.Path && long.Parse(value["metadata"]!["resourceVersion"]!.GetValue<string>(), CultureInfo.InvariantCulture) > from)
                {
                    events.Writer.TryWrite($$"""{"type":"MODIFIED","object":{{value.ToJsonString()}}}""" + "\n");
                }
            }
            _watches.Add((seen.Path, events));
        }
        context.Response.ContentType = "application/json";
        await context.Response.Body.FlushAsync();
        try
        {
            await foreach (var line in events.Reader.ReadAllAsync(context.RequestAborted))
            {
                await context.Response.WriteAsync(line);
                await context.Response.Body.FlushAsync();
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            lock (_lock)
            {
                _watches.RemoveAll(w => w.Events == events);
            }
        }
    }
}
