namespace Chat.Cells.LocalCluster.ApiServer.Objects;

/// <summary>
/// <c>kubectl logs</c>: the files that the pods of this machine write, <c>{pods}/{uid}/{container}.log</c>; the run before is in <c>{container}.prev.log</c>.
/// </summary>
internal sealed class PodLog(ObjectStore store, LocalApiServerOptions options)
{
    private static readonly string[] NotHere = ["timestamps", "sinceSeconds", "sinceTime"];
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    public async Task WriteAsync(HttpContext context, Target target, CancellationToken cancellationToken)
    {
        var query = context.Request.Query;
        foreach (var name in NotHere)
        {
            if (query.TryGetValue(name, out var value) && value != "false" && value != "0")
            {
                throw ApiException.NotSupportedHere($"logs with {name} (the files carry no times)");
            }
        }

        var stored = store.Read().Objects.Get(target.Key) ?? throw target.NotFound();
        var pod = stored.Parse();
        var container = Container(pod, query["container"].ToString());
        var previous = query["previous"] == "true";
        var path = Path.Combine(options.Pods, stored.Uid, container + (previous ? ".prev.log" : ".log"));
        if (!File.Exists(path))
        {
            throw ApiException.BadRequest(previous
                ? $"previous terminated container \"{container}\" in pod \"{target.Name}\" not found"
                : $"container \"{container}\" in pod \"{target.Name}\" is waiting to start: ContainerCreating");
        }

        context.Response.StatusCode = 200;
        context.Response.ContentType = "text/plain";
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, useAsync: true);
        if (long.TryParse(query["tailLines"], out var lines) && lines >= 0)
        {
            file.Position = await TailStartAsync(file, lines, cancellationToken);
        }

        var left = long.TryParse(query["limitBytes"], out var limit) && limit > 0 ? limit : long.MaxValue;
        var follow = query["follow"] == "true";
        var buffer = new byte[64 * 1024];
        while (left > 0)
        {
            // Whether the container has ended is asked before the read: what it wrote last is then still sent.
            var isOver = !follow || HasEnded(target.Key, stored.Uid, container);
            int read;
            while (left > 0 && (read = await file.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), cancellationToken)) > 0)
            {
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                left -= read;
            }

            if (isOver)
            {
                return;
            }

            await context.Response.Body.FlushAsync(cancellationToken);
            await Task.Delay(Poll, options.Time, cancellationToken);
        }
    }

    private static string Container(JsonObject pod, string wanted)
    {
        var spec = pod.At("spec");
        var names = spec.Items("initContainers").Concat(spec.Items("containers")).Select(c => c.Text("name") ?? "").ToList();
        if (wanted.Length > 0)
        {
            return names.Contains(wanted, StringComparer.Ordinal)
                ? wanted
                : throw ApiException.BadRequest($"container {wanted} is not valid for pod {pod.Text("metadata", "name")}");
        }

        var main = spec.Items("containers").Select(c => c.Text("name") ?? "").ToList();
        return main.Count == 1
            ? main[0]
            : throw ApiException.BadRequest($"a container name must be specified for pod {pod.Text("metadata", "name")}, choose one of: [{string.Join(' ', main)}]");
    }

    private bool HasEnded(ObjectKey key, string uid, string container)
    {
        var current = store.Read().Objects.Get(key);
        if (current is null || current.Uid != uid)
        {
            return true;
        }

        var pod = current.Parse();
        return pod.Text("status", "phase") is "Succeeded" or "Failed"
            || pod.At("status").Items("containerStatuses").Any(s => s.Text("name") == container && s.At("state", "terminated") is not null);
    }

    private static async Task<long> TailStartAsync(FileStream file, long lines, CancellationToken cancellationToken)
    {
        var buffer = new byte[64 * 1024];
        var position = file.Length;
        var end = position;
        if (lines == 0)
        {
            return end;
        }

        while (position > 0)
        {
            var length = (int)Math.Min(buffer.Length, position);
            position -= length;
            file.Position = position;
            await file.ReadExactlyAsync(buffer.AsMemory(0, length), cancellationToken);
            for (var i = length - 1; i >= 0; i--)
            {
                // The line end at the very end of the file closes the last line.
                if (buffer[i] == (byte)'\n' && position + i != end - 1 && --lines <= 0)
                {
                    return position + i + 1;
                }
            }
        }

        return 0;
    }
}
