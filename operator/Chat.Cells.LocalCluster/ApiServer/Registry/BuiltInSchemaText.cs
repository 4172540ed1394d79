namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>The text that <see cref="BuiltInSchemas"/> reads.</summary>
internal static class BuiltInSchemaText
{
    public const string Core = """
        ObjectMeta
          name,generateName,namespace,selfLink,uid,resourceVersion string
          generation,deletionGracePeriodSeconds int
          creationTimestamp,deletionTimestamp time
          labels,annotations {string}
          ownerReferences [OwnerReference] map=uid merge=uid
          finalizers [string] set merge=*
          managedFields [any]
        OwnerReference
          apiVersion,kind,name,uid string !
          controller,blockOwnerDeletion bool
        LabelSelector
          matchLabels {string}
          matchExpressions [LabelRequirement]
        LabelRequirement
          key,operator string !
          values [string]
        Condition
          type,status string !
          lastTransitionTime,lastUpdateTime,lastProbeTime,lastHeartbeatTime time
          reason,message string
          observedGeneration int
        LocalReference
          name string
        ObjectReference
          kind,namespace,name,uid,apiVersion,resourceVersion,fieldPath string
        Namespace
          spec NamespaceSpec
          status NamespaceStatus
        NamespaceSpec
          finalizers [string]
        NamespaceStatus
          phase string
          conditions [Condition] map=type merge=type
        ConfigMap
          data,binaryData {string}
          immutable bool
        Secret
          data,stringData {string}
          type string ="Opaque"
          immutable bool
        ServiceAccount
          secrets [ObjectReference] map=name merge=name
          imagePullSecrets [LocalReference] map=name merge=name
          automountServiceAccountToken bool
        Service
          spec ServiceSpec
          status ServiceStatus
        ServiceSpec
          type string ="ClusterIP"
          selector {string} atomic
          ports [ServicePort] map=port,protocol merge=port
          clusterIP,externalName,externalTrafficPolicy,internalTrafficPolicy,ipFamilyPolicy,loadBalancerClass,loadBalancerIP,trafficDistribution string
          sessionAffinity string ="None"
          clusterIPs,ipFamilies,loadBalancerSourceRanges [string]
          externalIPs [string]
          publishNotReadyAddresses,allocateLoadBalancerNodePorts bool
          healthCheckNodePort int
          sessionAffinityConfig any
        ServicePort
          name,appProtocol string
          protocol string ="TCP"
          port int !
          targetPort ios
          nodePort int
        ServiceStatus
          loadBalancer any
          conditions [Condition] map=type merge=type
        PersistentVolumeClaim
          spec PersistentVolumeClaimSpec
          status PersistentVolumeClaimStatus
        PersistentVolumeClaimSpec
          accessModes [string]
          selector LabelSelector atomic
          resources any
          volumeName,storageClassName,volumeAttributesClassName string
          volumeMode string ="Filesystem"
          dataSource,dataSourceRef any
        PersistentVolumeClaimStatus
          phase,currentVolumeAttributesClassName string
          accessModes [string]
          capacity,allocatedResources,allocatedResourceStatuses {ios}
          conditions [Condition] map=type merge=type
          modifyVolumeStatus any
        Node
          spec NodeSpec
          status NodeStatus
        NodeSpec
          podCIDR,providerID string
          podCIDRs [string] set merge=*
          unschedulable bool
          taints [any]
          configSource any
        NodeStatus
          capacity,allocatable {ios}
          phase string
          conditions [Condition] map=type merge=type
          addresses [NodeAddress] map=type merge=type
          nodeInfo,daemonEndpoints,config,features any
          images,volumesAttached,runtimeHandlers [any]
          volumesInUse [string]
        NodeAddress
          type,address string !
        CoreEvent
          involvedObject ObjectReference !
          reason,message,type,action,reportingComponent,reportingInstance string
          source any
          firstTimestamp,lastTimestamp,eventTime time
          count int
          series any
          related ObjectReference
        Lease
          spec LeaseSpec
        LeaseSpec
          holderIdentity,strategy,preferredHolder string
          leaseDurationSeconds,leaseTransitions int
          acquireTime,renewTime time
        EndpointSlice
          addressType string !
          endpoints [Endpoint]
          ports [EndpointPort]
        Endpoint
          addresses [string] !
          conditions any
          hostname,nodeName,zone string
          targetRef ObjectReference
          deprecatedTopology {string}
          hints any
        EndpointPort
          name,protocol,appProtocol string
          port int

        """;

    public const string Workloads = """
        Pod
          spec PodSpec
          status PodStatus
        PodTemplate
          metadata ObjectMeta
          spec PodSpec
        PodSpec
          containers [Container] ! map=name merge=name
          initContainers [Container] map=name merge=name
          ephemeralContainers [any]
          volumes [Volume] map=name merge=name
          restartPolicy string ="Always"
          dnsPolicy string ="ClusterFirst"
          schedulerName string ="default-scheduler"
          terminationGracePeriodSeconds int =30
          activeDeadlineSeconds,priority int
          serviceAccountName,serviceAccount,nodeName,hostname,subdomain,priorityClassName,runtimeClassName,preemptionPolicy string
          automountServiceAccountToken,hostNetwork,hostPID,hostIPC,hostUsers,shareProcessNamespace,enableServiceLinks,setHostnameAsFQDN bool
          nodeSelector {string} atomic
          securityContext any ={}
          affinity,dnsConfig,os,overhead,resources any
          tolerations [any]
          imagePullSecrets [LocalReference] map=name merge=name
          hostAliases [HostAlias] map=ip merge=ip
          topologySpreadConstraints [TopologySpread] map=topologyKey,whenUnsatisfiable merge=topologyKey
          readinessGates,schedulingGates,resourceClaims [any]
        HostAlias
          ip string !
          hostnames [string]
        TopologySpread
          topologyKey,whenUnsatisfiable string !
          maxSkew int !
          minDomains int
          labelSelector LabelSelector atomic
          matchLabelKeys [string]
          nodeAffinityPolicy,nodeTaintsPolicy string
        Container
          name string !
          image,workingDir string
          imagePullPolicy string ="IfNotPresent"
          terminationMessagePath string ="/dev/termination-log"
          terminationMessagePolicy string ="File"
          restartPolicy string
          command,args [string]
          ports [ContainerPort] map=containerPort,protocol merge=containerPort
          env [EnvVar] map=name merge=name
          envFrom [any]
          resources ContainerResources ={}
          resizePolicy,volumeDevices [any]
          volumeMounts [VolumeMount] map=mountPath merge=mountPath
          livenessProbe,readinessProbe,startupProbe Probe
          lifecycle,securityContext any
          stdin,stdinOnce,tty bool
        ContainerResources
          limits,requests {ios}
          claims [any]
        ContainerPort
          name,hostIP string
          containerPort int !
          hostPort int
          protocol string ="TCP"
        EnvVar
          name string !
          value string
          valueFrom any
        VolumeMount
          name,mountPath string !
          readOnly bool
          subPath,subPathExpr,mountPropagation,recursiveReadOnly string
        Probe
          exec,tcpSocket any
          httpGet ProbeHttp
          grpc any
          initialDelaySeconds,terminationGracePeriodSeconds int
          timeoutSeconds int =1
          periodSeconds int =10
          successThreshold int =1
          failureThreshold int =3
        ProbeHttp
          path string ="/"
          port ios !
          host string
          scheme string ="HTTP"
          httpHeaders [any]
        Volume
          name string !
          emptyDir,configMap,secret,persistentVolumeClaim,downwardAPI,projected,hostPath,csi,ephemeral,nfs,image any
          awsElasticBlockStore,azureDisk,azureFile,cephfs,cinder,fc,flexVolume,flocker,gcePersistentDisk,gitRepo,glusterfs,iscsi,photonPersistentDisk,portworxVolume,quobyte,rbd,scaleIO,storageos,vsphereVolume any
        PodStatus
          phase,message,reason,hostIP,podIP,qosClass,nominatedNodeName,resize string
          conditions [Condition] map=type merge=type
          podIPs [PodIP] map=ip merge=ip
          hostIPs [PodIP]
          startTime time
          containerStatuses,initContainerStatuses,ephemeralContainerStatuses [any]
          resourceClaimStatuses [any]
          observedGeneration int
        PodIP
          ip string
        StatefulSet
          spec StatefulSetSpec
          status StatusWithConditions
        StatefulSetSpec
          replicas int =1
          selector LabelSelector ! atomic
          template PodTemplate !
          serviceName string
          podManagementPolicy string ="OrderedReady"
          updateStrategy any ={"type":"RollingUpdate","rollingUpdate":{"partition":0}}
          revisionHistoryLimit int =10
          minReadySeconds int
          volumeClaimTemplates [VolumeClaimTemplate]
          persistentVolumeClaimRetentionPolicy RetentionPolicy ={"whenDeleted":"Retain","whenScaled":"Retain"}
          ordinals any
        RetentionPolicy
          whenDeleted,whenScaled string
        VolumeClaimTemplate
          apiVersion,kind string
          metadata ObjectMeta
          spec PersistentVolumeClaimSpec
          status any
        Deployment
          spec DeploymentSpec
          status StatusWithConditions
        DeploymentSpec
          replicas int =1
          selector LabelSelector ! atomic
          template PodTemplate !
          strategy any ={"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":"25%"}}
          minReadySeconds int
          revisionHistoryLimit int =10
          paused bool
          progressDeadlineSeconds int =600
        ReplicaSet
          spec ReplicaSetSpec
          status StatusWithConditions
        ReplicaSetSpec
          replicas int =1
          minReadySeconds int
          selector LabelSelector ! atomic
          template PodTemplate
        ControllerRevision
          data any
          revision int !

        """;

    public const string Others = """
        RulesHolder
          rules [any]
          aggregationRule any
        Binding
          subjects [any]
          roleRef any !
        NetworkPolicy
          spec NetworkPolicySpec
          status StatusWithConditions
        NetworkPolicySpec
          podSelector LabelSelector
          ingress,egress [any]
          policyTypes [string]
        PodDisruptionBudget
          spec PodDisruptionBudgetSpec
          status StatusWithConditions
        PodDisruptionBudgetSpec
          minAvailable,maxUnavailable ios
          selector LabelSelector atomic
          unhealthyPodEvictionPolicy string
        CustomResourceDefinition
          spec CustomResourceDefinitionSpec !
          status StatusWithConditions
        CustomResourceDefinitionSpec
          group string !
          names CrdNames !
          scope string !
          versions [CrdVersion] !
          conversion any ={"strategy":"None"}
          preserveUnknownFields bool
        CrdNames
          plural,kind string !
          singular,listKind string
          shortNames,categories [string]
        CrdVersion
          name string !
          served,storage bool !
          deprecated bool
          deprecationWarning string
          schema CrdSchema
          subresources CrdSubresources
          additionalPrinterColumns [CrdColumn]
          selectableFields [any]
        CrdSchema
          openAPIV3Schema any
        CrdSubresources
          status any
          scale CrdScale
        CrdScale
          specReplicasPath,statusReplicasPath string !
          labelSelectorPath string
        CrdColumn
          name,type,jsonPath string !
          format,description string
          priority int
        StatusWithConditions
          conditions [Condition] map=type merge=type
          ...
        Scale
          spec ScaleSpec
          status any
        ScaleSpec
          replicas int

        """;
}
