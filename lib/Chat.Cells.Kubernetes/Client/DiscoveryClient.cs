using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Kubernetes.Client;

/// <summary>What the API server is and which kinds it serves.</summary>
public sealed class DiscoveryClient
{
    private readonly KubernetesClient _client;

    internal DiscoveryClient(KubernetesClient client)
    {
        _client = client;
    }

    /// <summary>The server's version.</summary>
    public Task<VersionInfo> VersionAsync(CancellationToken cancellationToken = default) =>
        _client.SendAsync<VersionInfo>(HttpMethod.Get, "version", null, null, cancellationToken);

    /// <summary>The kinds of one group and version, such as <c>apps/v1</c> or <c>v1</c>; subresources are left out.</summary>
    /// <exception cref="KubernetesException">404: not served.</exception>
    public async Task<IReadOnlyList<ResourceType>> ResourcesAsync(string apiVersion, CancellationToken cancellationToken = default)
    {
        var (group, version) = Split(apiVersion);
        var path = group.Length == 0 ? $"api/{version}" : $"apis/{group}/{version}";
        var list = await _client.SendAsync<ApiResourceList>(HttpMethod.Get, path, null, null, cancellationToken);
        return [.. list.Resources.Where(r => !r.Name.Contains('/')).Select(r => new ResourceType(group, version, r.Kind, r.Name, r.Namespaced))];
    }

    /// <summary>The resource of a manifest's <c>apiVersion</c> and <c>kind</c>, or null when the server does not serve it.</summary>
    public async Task<ResourceType?> FindAsync(string apiVersion, string kind, CancellationToken cancellationToken = default)
    {
        try
        {
            return (await ResourcesAsync(apiVersion, cancellationToken)).FirstOrDefault(r => r.Kind == kind);
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            return null;
        }
    }

    private static (string Group, string Version) Split(string apiVersion)
    {
        var slash = apiVersion.IndexOf('/');
        return slash < 0 ? (string.Empty, apiVersion) : (apiVersion[..slash], apiVersion[(slash + 1)..]);
    }

    private sealed record ApiResourceList
    {
        public IReadOnlyList<ApiResource> Resources { get; init; } = [];
    }

    private sealed record ApiResource
    {
        public string Name { get; init; } = string.Empty;
        public string Kind { get; init; } = string.Empty;
        public bool Namespaced { get; init; }
    }
}

/// <summary>The API server's version.</summary>
public sealed record VersionInfo
{
    public string Major { get; init; } = string.Empty;
    public string Minor { get; init; } = string.Empty;

    /// <summary>Such as <c>v1.32.4</c>.</summary>
    public string GitVersion { get; init; } = string.Empty;
}
