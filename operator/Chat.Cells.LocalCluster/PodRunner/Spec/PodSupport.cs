using System.Globalization;
using Chat.Cells.LocalCluster.PodRunner.Volumes;

namespace Chat.Cells.LocalCluster.PodRunner.Spec;

/// <summary>What a pod on this machine cannot have. A pod that asks for it is refused with these words and never started without it.</summary>
public static class PodSupport
{
    /// <summary>The first thing that is asked for and not done here, in words for the pod's status; null when everything is supported.</summary>
    public static string? Refusal(PodObject pod)
    {
        var what = Unsupported(pod).FirstOrDefault();
        return what is null ? null : $"not supported here: {what}";
    }

    private static IEnumerable<string> Unsupported(PodObject pod)
    {
        var spec = pod.Spec;
        if (spec.Containers is not { Count: > 0 })
        {
            yield return "a pod without containers";
        }

        if (spec.InitContainers is { Count: > 0 })
        {
            yield return "initContainers";
        }

        if (spec.EphemeralContainers is { Count: > 0 })
        {
            yield return "ephemeralContainers";
        }

        if (spec.HostNetwork == true || spec.HostPID == true || spec.HostIPC == true)
        {
            yield return "hostNetwork, hostPID and hostIPC";
        }

        if (spec.RestartPolicy is not (null or "" or "Always" or "OnFailure" or "Never"))
        {
            yield return $"restartPolicy {spec.RestartPolicy}";
        }

        foreach (var name in PodFields.Refused(PodFields.Pod, spec.Others))
        {
            yield return name;
        }

        var volumes = new HashSet<string>(StringComparer.Ordinal);
        foreach (var volume in spec.Volumes ?? [])
        {
            volumes.Add(volume.Name);
            if (!IsFolderName(volume.Name))
            {
                yield return $"volume name \"{volume.Name}\" (a name without slashes is)";
            }

            if (volume.PersistentVolumeClaim is { } claim && !IsFolderName(claim.ClaimName))
            {
                yield return $"claim name \"{claim.ClaimName}\" of volume {volume.Name} (a name without slashes is)";
            }

            if (volume.EmptyDir is null && !volume.IsOfObjects && volume.PersistentVolumeClaim is null)
            {
                yield return $"volume {volume.Name} of kind {volume.Others?.Keys.FirstOrDefault() ?? "(none)"} (emptyDir, configMap, secret, projected and persistentVolumeClaim are)";
            }

            foreach (var what in Unsupported(volume))
            {
                yield return what;
            }
        }

        foreach (var what in (spec.Containers ?? []).SelectMany(container => Unsupported(container, volumes)))
        {
            yield return what;
        }
    }

    private static IEnumerable<string> Unsupported(VolumeSpec volume)
    {
        foreach (var field in volume.Projected?.Others?.Keys.AsEnumerable() ?? [])
        {
            yield return $"{field} of the projected volume {volume.Name}";
        }

        foreach (var source in volume.Projected?.Sources ?? [])
        {
            // A kubelet takes exactly one of them, too.
            if (source.Others is { Count: > 0 } || source.ConfigMap is null == source.Secret is null)
            {
                yield return $"a source {source.Others?.Keys.FirstOrDefault() ?? "without exactly one kind"} of the projected volume {volume.Name} (one of configMap and secret is)";
            }
        }
    }

    private static IEnumerable<string> Unsupported(ContainerSpec container, HashSet<string> volumes)
    {
        var where = $"in container {container.Name}";
        if (!IsFolderName(container.Name))
        {
            yield return $"container name \"{container.Name}\" (a name without slashes is)";
        }

        if (container.Lifecycle is { Count: > 0 })
        {
            yield return $"lifecycle hooks (preStop, postStart) {where}";
        }

        if (container.VolumeDevices is { Count: > 0 })
        {
            yield return $"volumeDevices {where}";
        }

        if (container.Tty == true || container.Stdin == true)
        {
            yield return $"tty and stdin {where}";
        }

        foreach (var name in PodFields.Refused(PodFields.Container, container.Others))
        {
            yield return $"{name} {where}";
        }

        if (container.WorkingDir is { Length: > 0 } folder && (folder.Split('/').Contains("..") || PodVolumes.MountOf(container, folder) is null))
        {
            yield return $"workingDir {folder} {where} (a mountPath, or a folder below one, is: there is no image with folders of its own)";
        }

        foreach (var port in (container.Ports ?? []).Where(port => port.HostPort is > 0))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"hostPort {port.HostPort} {where} (a Service of type NodePort is)");
        }

        foreach (var (name, probe) in ((string, ProbeSpec?)[])[("startupProbe", container.StartupProbe), ("livenessProbe", container.LivenessProbe), ("readinessProbe", container.ReadinessProbe)])
        {
            if (probe is { HttpGet: null, TcpSocket: null })
            {
                yield return $"{name} by {(probe.Exec is not null ? "exec" : probe.Grpc is not null ? "grpc" : "nothing")} {where} (httpGet and tcpSocket are)";
            }

            if (probe?.HttpGet?.Scheme is { Length: > 0 } scheme && scheme is not ("HTTP" or "HTTPS"))
            {
                yield return $"scheme {scheme} of the {name} {where} (HTTP and HTTPS are)";
            }
        }

        foreach (var env in container.Env ?? [])
        {
            if (env.ValueFrom?.ResourceFieldRef is not null || env.ValueFrom?.FileKeyRef is not null)
            {
                yield return $"env {env.Name} from {(env.ValueFrom.ResourceFieldRef is not null ? "resourceFieldRef" : "fileKeyRef")} {where}";
            }

            if (!PodEnvironment.IsPortableName(env.Name))
            {
                yield return $"env name \"{env.Name}\" {where} (letters, digits and underscores are)";
            }
        }

        foreach (var mount in container.VolumeMounts ?? [])
        {
            if (!string.IsNullOrEmpty(mount.SubPathExpr))
            {
                yield return $"subPathExpr of mount {mount.MountPath} {where}";
            }

            foreach (var field in PodFields.Refused(PodFields.Mount, mount.Others))
            {
                yield return $"{field} of mount {mount.MountPath} {where}";
            }

            if (mount.SubPath is { } subPath && (subPath.StartsWith('/') || subPath.Split('/').Contains("..")))
            {
                yield return $"subPath {subPath} {where}: it leaves its volume";
            }

            if (!mount.MountPath.StartsWith('/') || mount.MountPath.Trim('/').Length == 0)
            {
                yield return $"mountPath \"{mount.MountPath}\" {where} (an absolute path below / is)";
            }

            if (!volumes.Contains(mount.Name))
            {
                yield return $"mount {mount.MountPath} {where} of volume {mount.Name}, which the pod does not have";
            }
        }
    }

    // These names become names of files and folders. The API server refuses others as well; here is where it would hurt.
    private static bool IsFolderName(string? name) => !string.IsNullOrEmpty(name) && name[0] != '.' && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.');
}
