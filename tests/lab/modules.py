"""Which modules the lab's Asterisk loads: an explicit list, because autoload brings surprises.

Rule of this file: a module is named once, in the group that says why it is there; what only one
version has stands apart. A module that another needs is found by a clean boot, not by guessing.
"""

_CHANNELS = """
chan_pjsip chan_rtp chan_bridge_media
res_pjproject res_sorcery_config res_sorcery_memory res_sorcery_astdb
res_pjsip res_pjsip_session res_pjsip_sdp_rtp res_pjsip_caller_id res_pjsip_header_funcs
res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_registrar
res_pjsip_authenticator_digest res_pjsip_outbound_authenticator_digest res_pjsip_acl res_pjsip_nat
res_pjsip_refer res_pjsip_rfc3326 res_pjsip_dtmf_info res_pjsip_diversion res_pjsip_dlg_options
res_pjsip_logger res_pjsip_pubsub res_pjsip_path res_pjsip_outbound_registration
res_rtp_asterisk res_rtp_multicast res_crypto res_timing_timerfd
"""
_BROWSER_PHONES = """
res_pjsip_transport_websocket res_srtp
"""
_BRIDGES = """
bridge_builtin_features bridge_builtin_interval_features bridge_holding bridge_native_rtp
bridge_simple bridge_softmix
"""
_ARI = """
res_http_websocket res_stasis res_stasis_answer res_stasis_device_state res_stasis_playback
res_stasis_recording res_stasis_snoop app_stasis
res_ari res_ari_model res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels
res_ari_device_states res_ari_endpoints res_ari_events res_ari_playbacks res_ari_recordings
res_ari_sounds
"""
_APPLICATIONS = """
pbx_config app_amd app_channelredirect app_chanspy app_confbridge app_controlplayback app_dial
app_echo app_exec app_mixmonitor app_originate app_playback app_playtones app_queue app_read
app_record app_senddtmf app_softhangup app_stack app_talkdetect app_transfer app_userevent
app_verbose app_waitforsilence app_while
res_musiconhold res_manager_devicestate res_manager_presencestate res_agi res_speech res_parking
"""
_FUNCTIONS = """
func_base64 func_callerid func_cdr func_channel func_cut func_db func_devstate func_dialplan
func_env func_extstate func_frame_trace func_global func_groupcount func_hangupcause func_logic
func_math func_md5 func_module func_periodic_hook func_pjsip_aor func_pjsip_contact
func_pjsip_endpoint func_presencestate func_rand func_sha1 func_sprintf func_strings func_sysinfo
func_talkdetect func_timeout func_uri func_version func_volume
"""
_MEDIA = """
codec_a_mu codec_alaw codec_g722 codec_resample codec_ulaw
format_pcm format_sln format_wav format_wav_gsm codec_gsm format_gsm
"""
_ONLY: dict[int, str] = {
    16: "",
    22: "res_prometheus res_websocket_client func_export func_uuid",
}


def modules(version: int) -> list[str]:
    groups = (_CHANNELS, _BROWSER_PHONES, _BRIDGES, _ARI, _APPLICATIONS, _FUNCTIONS, _MEDIA, _ONLY[version])
    return " ".join(groups).split()
