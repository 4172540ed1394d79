using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Kubernetes.Client;

/// <summary>
/// The operations of one kind. Every call throws <see cref="KubernetesException"/> when the server refuses,
/// <see cref="HttpRequestException"/> when it can't be reached, and <see cref="TimeoutException"/> when it doesn't answer in time.
/// The namespace is null for cluster-scoped kinds, and for lists and watches over all namespaces.
/// </summary>
public sealed partial class ResourceClient<T>
    where T : class, IKubernetesObject
{
    private const int DefaultChunk = 500;
    private readonly KubernetesClient _client;

    internal ResourceClient(KubernetesClient client, ResourceType type)
    {
        _client = client;
        Type = type;
    }

    /// <summary>The kind.</summary>
    public ResourceType Type { get; }

    /// <summary>One object.</summary>
    public Task<T> GetAsync(string? ns, string name, CancellationToken cancellationToken = default, string? subresource = null) =>
        _client.SendAsync<T>(HttpMethod.Get, Type.ObjectPath(ns, name, subresource), null, null, cancellationToken);

    /// <summary>One object, or null when there is none.</summary>
    public async Task<T?> TryGetAsync(string? ns, string name, CancellationToken cancellationToken = default)
    {
        try
        {
            return await GetAsync(ns, name, cancellationToken);
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            return null;
        }
    }

    /// <summary>One chunk of a list.</summary>
    public Task<ResourceList<T>> ListChunkAsync(string? ns, ListOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new ListOptions();
        var query = new QueryText()
            .Add("labelSelector", options.LabelSelector)
            .Add("fieldSelector", options.FieldSelector)
            .Add("limit", options.Limit ?? DefaultChunk)
            .Add("continue", options.Continue)
            .Add("resourceVersion", options.Continue is null ? options.ResourceVersion : null);
        return _client.SendAsync<ResourceList<T>>(HttpMethod.Get, Type.CollectionPath(ns) + query, null, null, cancellationToken);
    }

    /// <summary>A whole list, read in chunks. When the token of a chunk expires half-way the list starts again, so that it is one consistent state.</summary>
    public async Task<ResourceList<T>> ListAsync(string? ns, ListOptions? options = null, CancellationToken cancellationToken = default)
    {
        options = (options ?? new ListOptions()) with { Continue = null };
        var restarts = 0;
        while (true)
        {
            var items = new List<T>();
            var next = options;
            try
            {
                while (true)
                {
                    var chunk = await ListChunkAsync(ns, next, cancellationToken);
                    items.AddRange(chunk.Items);
                    if (string.IsNullOrEmpty(chunk.Metadata.Continue))
                    {
                        return chunk with { Items = items };
                    }
                    next = options with { Continue = chunk.Metadata.Continue };
                }
            }
            catch (KubernetesException e) when (e.IsGone && next.Continue is not null && restarts < 3)
            {
                restarts++;
            }
        }
    }

    /// <summary>Creates an object; the answer is as stored.</summary>
    public Task<T> CreateAsync(T value, CancellationToken cancellationToken = default, WriteOptions? options = null) =>
        _client.SendAsync<T>(HttpMethod.Post, Type.CollectionPath(NamespaceOf(value)) + new QueryText().Add(options), Body(value), "application/json", cancellationToken);

    /// <summary>
    /// Replaces an object, or its status with <paramref name="subresource"/> <c>status</c>. With a resource version in its metadata the server
    /// answers 409 Conflict if somebody wrote in between.
    /// </summary>
    public Task<T> UpdateAsync(T value, CancellationToken cancellationToken = default, string? subresource = null, WriteOptions? options = null) =>
        _client.SendAsync<T>(HttpMethod.Put, Path(value, subresource) + new QueryText().Add(options), Body(value), "application/json", cancellationToken);

    /// <summary>
    /// Server-side apply: the fields in <paramref name="value"/> become the manager's own, those it no longer names are removed. Without
    /// <paramref name="force"/> a field of another manager's is a 409 Conflict.
    /// </summary>
    public Task<T> ApplyAsync(T value, string fieldManager, CancellationToken cancellationToken = default, bool force = true, string? subresource = null, WriteOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(fieldManager);
        options = (options ?? new WriteOptions()) with { FieldManager = fieldManager };
        var body = KubernetesJson.ToNode(value);
        // The API server refuses managed fields in an apply, and what the server sets is not ours to own.
        if (body["metadata"] is JsonObject metadata)
        {
            metadata.Remove("managedFields");
            metadata.Remove("creationTimestamp");
            metadata.Remove("generation");
        }
        var query = new QueryText().Add(options).Add("force", force);
        return _client.SendAsync<T>(HttpMethod.Patch, Path(value, subresource) + query, KubernetesJson.ToBytes(body), "application/apply-patch+yaml", cancellationToken);
    }

    /// <summary>JSON merge patch (RFC 7396).</summary>
    public Task<T> MergePatchAsync(string? ns, string name, JsonNode patch, CancellationToken cancellationToken = default, string? subresource = null, WriteOptions? options = null) =>
        PatchAsync(ns, name, patch, "application/merge-patch+json", subresource, options, cancellationToken);

    /// <summary>JSON patch (RFC 6902).</summary>
    public Task<T> JsonPatchAsync(string? ns, string name, JsonArray patch, CancellationToken cancellationToken = default, string? subresource = null, WriteOptions? options = null) =>
        PatchAsync(ns, name, patch, "application/json-patch+json", subresource, options, cancellationToken);

    /// <summary>Asks for deletion. An object held by finalizers goes later. A failed precondition is a 409 Conflict.</summary>
    public async Task DeleteAsync(string? ns, string name, CancellationToken cancellationToken = default, DeleteOptions? options = null)
    {
        var body = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "DeleteOptions" };
        if (options is not null)
        {
            if (options.Uid is not null || options.ResourceVersion is not null)
            {
                var preconditions = new JsonObject();
                if (options.Uid is not null)
                {
                    preconditions["uid"] = options.Uid;
                }
                if (options.ResourceVersion is not null)
                {
                    preconditions["resourceVersion"] = options.ResourceVersion;
                }
                body["preconditions"] = preconditions;
            }
            if (options.PropagationPolicy is { } policy)
            {
                body["propagationPolicy"] = policy.ToString();
            }
            if (options.GracePeriodSeconds is { } seconds)
            {
                body["gracePeriodSeconds"] = seconds;
            }
        }
        await _client.SendAsync<Unstructured>(HttpMethod.Delete, Type.ObjectPath(ns, name), KubernetesJson.ToBytes(body), "application/json", cancellationToken);
    }

    /// <summary>As <see cref="DeleteAsync"/>; false when there was nothing to delete.</summary>
    public async Task<bool> TryDeleteAsync(string? ns, string name, CancellationToken cancellationToken = default, DeleteOptions? options = null)
    {
        try
        {
            await DeleteAsync(ns, name, cancellationToken, options);
            return true;
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            return false;
        }
    }

    /// <summary>A container's log (pods only). With <see cref="LogOptions.Follow"/> the stream ends when the container does.</summary>
    public async Task<Stream> ReadLogAsync(string ns, string name, LogOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new LogOptions();
        var query = new QueryText()
            .Add("container", options.Container)
            .Add("follow", options.Follow)
            .Add("previous", options.Previous)
            .Add("timestamps", options.Timestamps)
            .Add("tailLines", options.TailLines);
        var response = await _client.SendAsync(HttpMethod.Get, Type.ObjectPath(ns, name, "log") + query, null, null, TimeSpan.MaxValue, cancellationToken);
        return await response.Content.ReadAsStreamAsync(cancellationToken);
    }

    private Task<T> PatchAsync(string? ns, string name, JsonNode patch, string contentType, string? subresource, WriteOptions? options, CancellationToken cancellationToken) =>
        _client.SendAsync<T>(HttpMethod.Patch, Type.ObjectPath(ns, name, subresource) + new QueryText().Add(options), KubernetesJson.ToBytes(patch), contentType, cancellationToken);

    private string Path(T value, string? subresource)
    {
        var metadata = value.Metadata;
        return Type.ObjectPath(metadata.Namespace, metadata.Name ?? throw new ArgumentException("The object has no name.", nameof(value)), subresource);
    }

    private string? NamespaceOf(T value)
    {
        var ns = value.Metadata.Namespace;
        return !Type.Namespaced || !string.IsNullOrEmpty(ns)
            ? ns
            : throw new ArgumentException($"{Type.Kind} is namespaced: metadata.namespace is needed.", nameof(value));
    }

    private static byte[] Body(T value) => KubernetesJson.ToBytes(value);
}
