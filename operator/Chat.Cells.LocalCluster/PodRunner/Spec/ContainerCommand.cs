namespace Chat.Cells.LocalCluster.PodRunner.Spec;

/// <summary>Everything that one run of a container needs, resolved.</summary>
/// <param name="Command">The program and its arguments.</param>
/// <param name="Environment">The whole environment.</param>
public sealed record ContainerLaunch(IReadOnlyList<string> Command, IReadOnlyDictionary<string, string> Environment);

/// <summary>Turns a container of a manifest into a command line of this machine.</summary>
public static class ContainerCommand
{
    // What a program needs from the machine, and an image would have brought. Nothing else of the runner's own environment reaches a pod.
    private static readonly string[] Inherited = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "DOTNET_ROOT", "DOTNET_CLI_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"];

    /// <summary>Resolves command line and environment.</summary>
    /// <param name="image">The command line that stands for the image.</param>
    /// <param name="kubeconfig">Path of the pod's kubeconfig, or null when it must not reach the API.</param>
    /// <exception cref="PodConfigException">A reference leads nowhere.</exception>
    public static ContainerLaunch Resolve(
        PodObject pod, ContainerSpec container, IReadOnlyList<string> image, PodPlacement placement, IPodConfigSource source, MountPaths mounts, string? kubeconfig)
    {
        var manifest = PodEnvironment.Resolve(pod, container, placement, source);
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in Inherited)
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } value)
            {
                environment[name] = value;
            }
        }

        environment["HOSTNAME"] = pod.Spec.Hostname ?? pod.Metadata.Name;
        if (kubeconfig is not null)
        {
            environment["KUBECONFIG"] = kubeconfig;
        }

        foreach (var (name, value) in manifest)
        {
            environment[name] = mounts.Rewrite(value);
        }

        // The image's entry point is a command line of this machine; the manifest's command, which names a program inside an image, cannot replace it: it follows, as args do.
        return new ContainerLaunch(
            [.. image, .. (container.Command ?? []).Concat(container.Args ?? []).Select(part => mounts.Rewrite(VariableExpansion.Expand(part, manifest)))],
            environment);
    }
}
