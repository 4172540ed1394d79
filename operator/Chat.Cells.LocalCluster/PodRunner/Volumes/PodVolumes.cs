using Chat.Cells.LocalCluster.PodRunner.Spec;

namespace Chat.Cells.LocalCluster.PodRunner.Volumes;

/// <summary>The folders behind one pod's volumes.</summary>
/// <param name="podFolder">The pod's own folder; what is in it goes with the pod.</param>
/// <param name="claimsFolder">The folder of all claims, <c>&lt;namespace&gt;/&lt;claim&gt;</c> below it; what is in it stays until the claim is deleted.</param>
public sealed class PodVolumes(string podFolder, string claimsFolder)
{
    /// <summary>The folder of a claim.</summary>
    public static string ClaimFolder(string claimsFolder, string @namespace, string claim) => Path.Combine(claimsFolder, @namespace, claim);

    /// <summary>Creates what is missing and brings ConfigMap and Secret volumes up to date.</summary>
    /// <returns>The volumes whose files changed.</returns>
    /// <exception cref="PodConfigException">A ConfigMap, Secret or key that is not optional is missing.</exception>
    public IReadOnlyList<string> Refresh(PodObject pod, IPodConfigSource source)
    {
        var changed = new List<string>();
        foreach (var volume in pod.Spec.Volumes ?? [])
        {
            var folder = Folder(pod, volume);
            var files = volume switch
            {
                { ConfigMap: { } map } => OfConfigMap(pod, source, map.Name, map.Items, map.Optional, map.DefaultMode),
                { Secret: { } secret } => OfSecret(pod, source, secret.SecretName, secret.Items, secret.Optional, secret.DefaultMode),
                { Projected: { } projected } => OfProjected(pod, source, projected),
                _ => null,
            };
            if (files is null)
            {
                Directory.CreateDirectory(folder);
            }
            else if (ProjectedFolder.Write(folder, files))
            {
                changed.Add(volume.Name);
            }
        }

        foreach (var container in pod.Spec.Containers ?? [])
        {
            foreach (var mount in (container.VolumeMounts ?? []).Where(mount => !string.IsNullOrEmpty(mount.SubPath)))
            {
                var volume = pod.Spec.Volumes!.First(candidate => string.Equals(candidate.Name, mount.Name, StringComparison.Ordinal));
                if (!volume.IsOfObjects)
                {
                    Directory.CreateDirectory(Path.Combine(Folder(pod, volume), mount.SubPath!));
                }
            }
        }

        return changed;
    }

    /// <summary>What stands for a container's mounts.</summary>
    public MountPaths MountPaths(PodObject pod, ContainerSpec container) =>
        new((container.VolumeMounts ?? []).Select(mount =>
        {
            var folder = Folder(pod, pod.Spec.Volumes!.First(volume => string.Equals(volume.Name, mount.Name, StringComparison.Ordinal)));
            return (mount.MountPath, string.IsNullOrEmpty(mount.SubPath) ? folder : Path.Combine(folder, mount.SubPath));
        }));

    /// <summary>The mount that a path of a container is in; null when it is in none.</summary>
    public static VolumeMountSpec? MountOf(ContainerSpec container, string path) => (container.VolumeMounts ?? [])
        .Where(mount => mount.MountPath.TrimEnd('/') is { Length: > 1 } at && (path + "/").StartsWith(at + "/", StringComparison.Ordinal))
        .MaxBy(mount => mount.MountPath.TrimEnd('/').Length);

    /// <summary>The folder that a container starts in: the one its workingDir stands for, made when it is missing, or the pod's own. The volumes are there already.</summary>
    /// <exception cref="PodConfigException">The workingDir is in no volume, or missing in one that is only read.</exception>
    public string WorkingFolder(PodObject pod, ContainerSpec container)
    {
        if (container.WorkingDir is not { Length: > 0 } wanted)
        {
            return podFolder;
        }

        if (MountOf(container, wanted) is not { } mount || MountPaths(pod, container).Folder(wanted) is not { } folder)
        {
            throw new PodConfigException($"workingDir {wanted} is in no mount of container {container.Name}");
        }

        if (!Directory.Exists(folder))
        {
            if (pod.Spec.Volumes!.First(volume => string.Equals(volume.Name, mount.Name, StringComparison.Ordinal)).IsOfObjects)
            {
                throw new PodConfigException($"workingDir {wanted} is not a folder of volume {mount.Name}");
            }

            Directory.CreateDirectory(folder);
        }

        return folder;
    }

    private string Folder(PodObject pod, VolumeSpec volume) => volume.PersistentVolumeClaim is { } claim
        ? ClaimFolder(claimsFolder, pod.Metadata.Namespace, claim.ClaimName)
        : Path.Combine(podFolder, "volumes", volume.Name);

    private static List<ProjectedFile> OfConfigMap(PodObject pod, IPodConfigSource source, string name, List<KeyToPathSpec>? items, bool? optional, int? defaultMode) =>
        Files("configmap", name, source.ConfigMap(pod.Metadata.Namespace, name), items, optional, mode => Mode(mode ?? defaultMode, 0b110_100_100));

    // On a shared machine a secret is for its owner only, whatever the manifest says.
    private static List<ProjectedFile> OfSecret(PodObject pod, IPodConfigSource source, string name, List<KeyToPathSpec>? items, bool? optional, int? defaultMode) =>
        Files("secret", name, source.Secret(pod.Metadata.Namespace, name), items, optional, mode => Mode(mode ?? defaultMode, 0b110_000_000) & (UnixFileMode)0b111_000_000);

    // Of two sources with one path the later one wins, as with a kubelet.
    private static List<ProjectedFile> OfProjected(PodObject pod, IPodConfigSource source, ProjectedVolumeSpec volume)
    {
        var files = new Dictionary<string, ProjectedFile>(StringComparer.Ordinal);
        foreach (var part in volume.Sources ?? [])
        {
            var found = part switch
            {
                { ConfigMap: { } map } => OfConfigMap(pod, source, map.Name, map.Items, map.Optional, volume.DefaultMode),
                { Secret: { } secret } => OfSecret(pod, source, secret.Name, secret.Items, secret.Optional, volume.DefaultMode),
                _ => [],
            };
            foreach (var file in found)
            {
                files[file.Path] = file;
            }
        }

        return [.. files.Values];
    }

    private static List<ProjectedFile> Files(
        string kind, string name, IReadOnlyDictionary<string, byte[]>? data, List<KeyToPathSpec>? items, bool? optional, Func<int?, UnixFileMode> mode)
    {
        if (data is null)
        {
            return optional == true ? [] : throw new PodConfigException($"{kind} \"{name}\" not found");
        }

        if (items is not { Count: > 0 })
        {
            return [.. data.Select(entry => new ProjectedFile(entry.Key, entry.Value, mode(null)))];
        }

        var files = new List<ProjectedFile>();
        foreach (var item in items)
        {
            if (data.TryGetValue(item.Key, out var content))
            {
                files.Add(new ProjectedFile(item.Path, content, mode(item.Mode)));
            }
            else if (optional != true)
            {
                throw new PodConfigException($"{kind} \"{name}\" has no key \"{item.Key}\"");
            }
        }

        return files;
    }

    private static UnixFileMode Mode(int? wanted, int otherwise) => (UnixFileMode)((wanted ?? otherwise) & 0b111_111_111);
}
